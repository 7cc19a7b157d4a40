use super::super::recognition::AGENTS;
use super::*;

fn mistakes(agents: Option<&str>, networks: Option<&str>) -> Vec<String> {
    let refused = Recognition::new(agents, networks).expect_err("refused");
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn table_that_is_compiled_in_has_sources_and_distinct_names() {
    let table: toml::Table = AGENTS.parse().expect("TOML");
    let agents = table["agent"].as_array().expect("entries");
    let text = |entry: &toml::Value, key: &str| entry[key].as_str().expect("a text").to_owned();
    assert!(agents.iter().all(|entry| !text(entry, "source").is_empty()));
    let names: std::collections::BTreeSet<_> =
        agents.iter().map(|entry| text(entry, "name")).collect();
    assert_eq!(names.len(), agents.len());
    assert_eq!(Recognition::default(), Recognition::default());
}

#[test]
fn configured_agents_stand_in_front() {
    let ours = "[[agent]]\nname = \"monitor\"\nbegins = \"curl/\"\nverdict = \"human\"\n\
                source = \"ours\"\n";
    let known = Recognition::new(Some(ours), None).expect("right");
    assert_eq!(known.agent("curl/8", true).expect("known").verdict, Verdict::Human);
    assert!(known != Recognition::default());
}

#[test]
fn smallest_network_counts() {
    let known = Recognition::new(
        None,
        Some(
            "[[network]]\nname = \"cloud\"\nkind = \"datacenter\"\n\
             networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
             [[network]]\nname = \"gate\"\nkind = \"scanner\"\n\
             networks = [\"192.0.2.128/25\", \"2001:db8:1::1\", \"198.51.100.7\"]\n",
        ),
    )
    .expect("right");
    let reason = |text| known.network(address(text)).map(|network| network.reason.as_str());
    assert_eq!(reason("192.0.2.1"), Some("network:cloud"));
    assert_eq!(reason("192.0.2.129"), Some("network:gate"));
    assert_eq!(reason("::ffff:192.0.2.129"), Some("network:gate"));
    assert_eq!(reason("2001:db8:1::2"), Some("network:cloud"));
    assert_eq!(reason("2001:db8:1::1"), Some("network:gate"));
    assert_eq!(reason("198.51.100.7"), Some("network:gate"));
    assert_eq!(reason("198.51.100.8"), None);
}

#[test]
fn whole_internet_is_a_network() {
    let text = "[[network]]\nname = \"all\"\nkind = \"bot\"\nnetworks = [\"0.0.0.0/0\", \"::/0\"]";
    let known = Recognition::new(None, Some(text)).expect("right");
    assert!(known.network(address("203.0.113.9")).is_some());
    assert!(known.network(address("2001:db8::1")).is_some());
}

#[test]
fn all_mistakes_are_told() {
    let agents = "[[agent]]\nname = \"Bad Name\"\nis = \"x\"\nverdict = \"bot\"\nsource = \"s\"\n\
                  [[agent]]\nname = \"two\"\nis = \"x\"\nbegins = \"y\"\nverdict = \"bot\"\n\
                  source = \"s\"\n\
                  [[agent]]\nname = \"empty\"\ncontains = \"\"\nverdict = \"bot\"\nsource = \"s\"";
    let networks = "[[network]]\nname = \"n\"\nkind = \"cloudy\"\nnetworks = []\n\
                    [[network]]\nname = \"m\"\nkind = \"bot\"\n\
                    networks = [\"192.0.2.0/33\", \"::1/129\", \"1.2.3.4/+8\", \"x\"]";
    let told = mistakes(Some(agents), Some(networks));
    assert_eq!(told.len(), 8, "{told:#?}");
    assert!(told[0].starts_with("agent \"Bad Name\": its name must"), "{told:#?}");
    assert!(told[3].contains("\"cloudy\" must be human, proxy"), "{told:#?}");
}

#[test]
fn what_is_no_table_is_refused() {
    assert_eq!(mistakes(Some("agent = 1"), Some("[[network]]\nnom = \"\"")).len(), 2);
    let text = "[[agent]]\nname = \"n\"\nis = \"x\"\nverdict = \"angel\"\nsource = \"s\"";
    let told = mistakes(Some(text), None);
    assert!(told[0].starts_with("user agents: line 4: unknown variant `angel`"), "{told:?}");
    assert!(!told[0].contains('\n'));
}
