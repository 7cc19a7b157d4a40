//! Connections of a listener whose requests are few: all are served in the thread that accepts
//! them, each in a task.

use std::{io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    runtime::{Builder, LocalOptions},
    sync::Semaphore,
    task::spawn_local,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long accepting pauses when the system gives no connection.
const PAUSE: Duration = Duration::from_millis(500);

/// Has each connection served until `shutdown`, at most so many at the same time; more wait to be
/// accepted. Blocks until all have ended: each needs a limit of time of its own. `what` says in a
/// log line what they are for.
pub fn accept<S: Future<Output = ()> + 'static>(
    listener: TcpListener,
    connections_max: usize,
    what: &str,
    shutdown: &CancellationToken,
    serve: impl Fn(TcpStream) -> S,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (places, tasks) = (Arc::new(Semaphore::new(connections_max)), TaskTracker::new());
        let next = async || {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place.expect("the semaphore is never closed"))
        };
        while let Some((accepted, place)) = shutdown.run_until_cancelled(next()).await {
            match accepted {
                Ok((stream, _)) => {
                    let served = serve(stream);
                    spawn_local(tasks.track_future(async move {
                        served.await;
                        drop(place);
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection {what} is accepted");
                    sleep(PAUSE).await;
                }
            }
        }
        tasks.close();
        tasks.wait().await;
        Ok(())
    })
}
