//! demo
use anyhow::Result;
use clap::Args;
/// x
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when everything was shown.
    #[arg(long)]
    pub once: bool,
}
/// x
pub fn run(_args: &DemoArgs) -> Result<()> {
    Ok(())
}
