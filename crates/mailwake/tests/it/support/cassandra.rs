//! A double of Cassandra, as far as mailwake asks it: version 4 of the native protocol over
//! TCP, the system tables that a driver reads, and one table with lightweight transactions.
//! What the driver makes of a real cluster it cannot show.

mod frame;

use frame::{Body, Reader, Type};
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

const TEXT: Type = Type::Text;

/// Names with their types.
type Columns<'c> = &'c [(&'c str, Type)];

/// What requests come to.
#[derive(Debug, Default)]
struct State {
    /// The table is there.
    has_table: bool,
    /// Its rows: places and tags.
    tags: BTreeMap<i32, String>,
    /// Requests are read and not answered.
    is_silent: bool,
    /// Name and password that are asked for.
    login: Option<(String, String)>,
    /// Statements of the table that were executed.
    executed: usize,
}

/// A running double.
#[derive(Debug)]
pub(crate) struct Cassandra {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Cassandra {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        Self::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
    }

    /// Starts one that takes connections of this listener.
    pub(crate) fn listen(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A driver hangs up when it likes.
                thread::spawn(move || serve(stream, &state).ok());
            }
        });
        Self { address, state }
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The tags in its table, by place.
    pub(crate) fn tags(&self) -> Vec<String> {
        self.with(|state| state.tags.values().cloned().collect())
    }

    /// How many statements of its table were executed.
    pub(crate) fn executed(&self) -> usize {
        self.with(|state| state.executed)
    }

    /// It answers nothing any more, or again.
    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.with(|state| state.is_silent = is_silent);
    }

    /// It asks for a name and a password.
    pub(crate) fn ask_for(&self, name: &str, password: &str) {
        self.with(|state| state.login = Some((name.into(), password.into())));
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut prepared: HashMap<Vec<u8>, String> = HashMap::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [_, _, stream_high, stream_low, opcode, length @ ..] = head;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut body)?;
        let (opcode, body) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.is_silent {
                continue;
            }
            answer(opcode, &mut Reader(&body), &mut prepared, &mut state)
        };
        let length = u32::try_from(body.0.len()).expect("a small answer").to_be_bytes();
        let head = [&[0x84, 0, stream_high, stream_low, opcode][..], &length].concat();
        stream.write_all(&[head, body.0].concat())?;
    }
}

fn answer(
    opcode: u8,
    request: &mut Reader<'_>,
    prepared: &mut HashMap<Vec<u8>, String>,
    state: &mut State,
) -> (u8, Body) {
    match opcode {
        // STARTUP
        0x01 if state.login.is_some() => {
            (0x03, Body::default().text("org.apache.cassandra.auth.PasswordAuthenticator"))
        }
        // STARTUP and REGISTER: READY
        0x01 | 0x0B => (0x02, Body::default()),
        // OPTIONS: SUPPORTED
        0x05 => {
            let versions = Body::default().short(1).text("CQL_VERSION").short(1).text("3.4.5");
            (0x06, versions)
        }
        // QUERY
        0x07 => {
            let statement = request.long_text();
            let values = request.values();
            run(&statement, &values, state)
        }
        // PREPARE
        0x09 => {
            let statement = request.long_text();
            if statement.contains(".tags ") && !state.has_table {
                return error(0x2200, "unconfigured table tags");
            }
            let id = u32::try_from(prepared.len()).expect("a few").to_be_bytes().to_vec();
            let answer = prepared_answer(&id, &statement);
            prepared.insert(id, statement);
            (0x08, answer)
        }
        // EXECUTE
        0x0A => {
            let id = request.short_octets();
            let values = request.values();
            match prepared.get(&id) {
                Some(statement) => run(statement, &values, state),
                None => error(0x2500, "not prepared"),
            }
        }
        // AUTH_RESPONSE
        0x0F => {
            let token = request.octets().unwrap_or_default();
            let (name, password) = state.login.clone().unwrap_or_default();
            match token == format!("\0{name}\0{password}").into_bytes() {
                true => (0x10, Body::default().octets(None)),
                false => error(0x0100, "wrong name or password"),
            }
        }
        _ => error(0x000A, "unknown request"),
    }
}

fn error(code: u32, text: &str) -> (u8, Body) {
    (0x00, Body::default().long(code).text(text))
}

/// RESULT, Prepared: what is bound, and what comes of it.
fn prepared_answer(id: &[u8], statement: &str) -> Body {
    let (bound, result): (Columns<'_>, Columns<'_>) = match statement {
        it if it.contains("INSERT INTO") => {
            (&[("system", TEXT), ("place", Type::Int), ("tag", TEXT)], &[])
        }
        it if it.contains(".tags ") => {
            (&[("system", TEXT)], &[("place", Type::Int), ("tag", TEXT)])
        }
        _ => (&[], &[]),
    };
    let head = Body::default().long(4).short_octets(id);
    // Without a partition key: the driver then asks any node.
    let bound = head.long(1).long(bound.len() as u32).long(0).columns(bound);
    match result {
        [] => bound.long(4).long(0),
        result => bound.long(1).long(result.len() as u32).columns(result),
    }
}

/// Runs a statement with its values.
fn run(statement: &str, values: &[Vec<u8>], state: &mut State) -> (u8, Body) {
    let local = Ipv4Addr::LOCALHOST.octets();
    let id = [7; 16];
    let tokens = [&1_u32.to_be_bytes()[..], &1_u32.to_be_bytes(), b"0"].concat();
    if statement.contains("FROM system.local") && statement.contains("schema_version") {
        return rows(&[("schema_version", Type::Uuid)], &[vec![Some(&id)]]);
    }
    if statement.contains("FROM system.local") || statement.contains("FROM system.peers") {
        let columns = [
            ("host_id", Type::Uuid),
            ("rpc_address", Type::Inet),
            ("data_center", TEXT),
            ("rack", TEXT),
            ("tokens", Type::SetOfText),
            ("cluster_name", TEXT),
        ];
        let row: Vec<Option<&[u8]>> =
            vec![Some(&id), Some(&local), Some(b"dc1"), Some(b"r1"), Some(&tokens), Some(b"c")];
        return match statement.contains("system.peers") {
            true => rows(&columns[..5], &[]),
            false => rows(&columns, &[row]),
        };
    }
    if statement.starts_with("CREATE TABLE IF NOT EXISTS") {
        state.has_table = true;
        let change = ["CREATED", "TABLE", "mailwake", "tags"];
        return (0x08, change.iter().fold(Body::default().long(5), |body, word| body.text(word)));
    }
    if !(statement.contains(".tags ") && state.has_table) {
        return error(0x2200, "unconfigured table");
    }
    state.executed += 1;
    if statement.starts_with("SELECT") {
        let places: Vec<([u8; 4], &String)> =
            state.tags.iter().map(|(place, tag)| (place.to_be_bytes(), tag)).collect();
        let found: Vec<Vec<Option<&[u8]>>> = places
            .iter()
            .map(|(place, tag)| vec![Some(&place[..]), Some(tag.as_bytes())])
            .collect();
        return rows(&[("place", Type::Int), ("tag", TEXT)], &found);
    }
    let [system, place, tag] = values else { return error(0x2200, "three values") };
    let place_number = i32::from_be_bytes(place[..].try_into().expect("an int"));
    match state.tags.get(&place_number) {
        Some(known) => {
            let columns = [
                ("[applied]", Type::Boolean),
                ("system", TEXT),
                ("place", Type::Int),
                ("tag", TEXT),
            ];
            rows(&columns, &[vec![Some(&[0]), Some(system), Some(place), Some(known.as_bytes())]])
        }
        None => {
            let tag = String::from_utf8(tag.clone()).expect("text");
            state.tags.insert(place_number, tag);
            rows(&[("[applied]", Type::Boolean)], &[vec![Some(&[1])]])
        }
    }
}

/// RESULT, Rows.
fn rows(columns: &[(&str, Type)], rows: &[Vec<Option<&[u8]>>]) -> (u8, Body) {
    let head = Body::default().long(2).long(1).long(columns.len() as u32).columns(columns);
    let body =
        rows.iter().flatten().fold(head.long(rows.len() as u32), |body, value| body.octets(*value));
    (0x08, body)
}
