//! One side of an SMTP conversation: a buffered socket that gives whole lines and
//! takes octets. It holds little while it waits, because most sessions are idle.

use super::{stream::Stream, transcript::Transcript};
use crate::net::tls::client::ClientTls;
use mail::smtp::{
    data::{DataReader, DotStuffer},
    secret::wipe,
};
use std::{fmt, io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Octets of message content that are sent at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// Why nothing more comes or goes over a wire.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// Nothing happened for the time that is allowed.
    #[error("nothing happened for {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The handshake of TLS failed.
    #[error("TLS handshake: {0}")]
    Tls(io::Error),
}

/// A line, without its line end.
#[derive(Clone, PartialEq, Eq)]
pub enum Line {
    /// A line that ended in CRLF.
    Whole(Vec<u8>),
    /// What is no line (RFC 5321 §2.3.8), and what is wrong with it.
    Malformed(&'static str),
}

/// How long it is, and not what it says: that may be a password.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(line) => write!(f, "Whole({} octets)", line.len()),
            Self::Malformed(wrong) => write!(f, "Malformed({wrong:?})"),
        }
    }
}

/// A socket with its buffers.
pub struct Wire {
    stream: Stream,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    transcript: Option<Box<Transcript>>,
}

/// As for a line.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("is_encrypted", &self.is_encrypted())
            .field("input_octets", &(self.input.len() - self.taken))
            .field("output_octets", &self.output.len())
            .finish()
    }
}

impl Wire {
    /// A wire over a connected socket.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        // Replies are short and awaited: waiting for more to send would stall both sides.
        stream.set_nodelay(true)?;
        let stream = Stream::Plain(stream);
        let (input, output) = (Vec::new(), Vec::new());
        Ok(Self { stream, input, taken: 0, output, transcript: None })
    }

    /// Writes the dialogue down from here on, if there is a transcript.
    pub fn transcribe(&mut self, transcript: Option<Transcript>) {
        self.transcript = transcript.map(Box::new);
    }

    /// What the dialogue was written down with, which another wire goes on with.
    pub fn take_transcript(&mut self) -> Option<Transcript> {
        self.transcript.take().map(|transcript| *transcript)
    }

    /// Is what goes over it hidden from others?
    pub fn is_encrypted(&self) -> bool {
        self.stream.is_encrypted()
    }

    /// Goes into TLS as the server. What has come before and was not read yet is dropped:
    /// whoever sits in the way may have put it there (RFC 3207 §4). When it fails, nothing
    /// more goes over the wire.
    pub async fn accept_tls(
        &mut self,
        config: Arc<rustls::ServerConfig>,
        limit: Duration,
    ) -> Result<(), WireError> {
        self.drop_input();
        handshake(limit, self.stream.accept_tls(config)).await
    }

    /// Goes into TLS as the client. What has come before is dropped here as well.
    pub async fn connect_tls(&mut self, tls: &ClientTls, limit: Duration) -> Result<(), WireError> {
        self.drop_input();
        handshake(limit, self.stream.connect_tls(tls.config.clone(), tls.name.clone())).await
    }

    /// The next line of at most `octets_max` octets. A longer one is read to its end
    /// and given as malformed. Cancelling loses nothing.
    pub async fn read_line(
        &mut self,
        octets_max: usize,
        limit: Duration,
    ) -> Result<Line, WireError> {
        let mut searched = self.taken;
        let mut is_too_long = false;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.input[searched..]) {
                let end = searched + found;
                let line = line_of(&self.input[self.taken..=end], octets_max, is_too_long);
                self.taken = end + 1;
                if let Some(transcript) = &mut self.transcript {
                    transcript.received(&line);
                }
                return Ok(line);
            }
            if self.input.len() - self.taken > octets_max + 2 {
                // What was seen cannot become a line: only its end is still of interest.
                is_too_long = true;
                self.taken = self.input.len();
            }
            self.forget_taken();
            searched = self.input.len();
            self.fill(limit).await?;
        }
    }

    /// Has a whole line come already? While it has, replies may wait and go together
    /// (RFC 2920 §3.2).
    pub fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.input[self.taken..]).is_some()
    }

    /// Has the other side gone, with nothing said that was not read yet? It may have gone
    /// all the same, and nothing tells of it yet.
    pub fn has_ended(&mut self) -> bool {
        self.taken == self.input.len() && self.stream.has_ended(&mut self.input)
    }

    /// Gives message content to `reader`: what is here already, or else what comes next. How
    /// many octets it took; it tells whether its end was seen. `limit` is the longest pause.
    pub async fn read_content(
        &mut self,
        reader: &mut DataReader,
        limit: Duration,
    ) -> Result<usize, WireError> {
        if self.taken == self.input.len() {
            self.forget_taken();
            self.fill(limit).await?;
        }
        let taken = reader.take(&self.input[self.taken..]);
        self.taken += taken;
        Ok(taken)
    }

    /// Has the transcript tell that message content came, so many octets.
    pub fn content_came(&mut self, octets: usize) {
        if let Some(transcript) = &mut self.transcript {
            transcript.content(octets);
        }
    }

    /// Gives so many octets to `take`, piece by piece as they come. What was written is sent
    /// before it waits, because who sends in chunks may wait for a reply (RFC 3030 §2).
    /// `limit` is the longest pause.
    pub async fn read_octets(
        &mut self,
        mut octets: u64,
        limit: Duration,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), WireError> {
        loop {
            let input = &self.input[self.taken..];
            let here = usize::try_from(octets).unwrap_or(usize::MAX).min(input.len());
            take(&input[..here]);
            self.taken += here;
            octets -= here as u64;
            if octets == 0 {
                return Ok(());
            }
            self.forget_taken();
            self.flush(limit).await?;
            self.fill(limit).await?;
        }
    }

    /// Overwrites what was read already.
    pub fn wipe_taken(&mut self) {
        wipe(&mut self.input[..self.taken]);
    }

    /// Puts octets in line for the next `flush`.
    pub fn write(&mut self, octets: &[u8]) {
        if let Some(transcript) = &mut self.transcript {
            transcript.sent(octets);
        }
        self.output.extend_from_slice(octets);
    }

    /// Sends all that was written. `limit` is the longest pause.
    pub async fn flush(&mut self, limit: Duration) -> Result<(), WireError> {
        if !self.output.is_empty() {
            within(limit, self.stream.write_all(&self.output)).await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Sends octets that nobody is to see, with CRLF, behind what was written.
    pub async fn send_secret_line(
        &mut self,
        line: &[u8],
        limit: Duration,
    ) -> Result<(), WireError> {
        self.write(line);
        self.write(b"\r\n");
        let sent = within(limit, self.stream.write_all(&self.output)).await;
        wipe(&mut self.output);
        self.output = Vec::new();
        sent
    }

    /// Sends message content with its final dot, dots doubled.
    pub async fn send_content(&mut self, content: &[u8], limit: Duration) -> Result<(), WireError> {
        let mut stuffer = DotStuffer::default();
        // One limit for each piece, so that a large message gets through a slow line.
        for piece in content.chunks(PIECE_OCTETS) {
            stuffer.push(piece, &mut self.output);
            if self.output.len() >= PIECE_OCTETS {
                self.flush(limit).await?;
            }
        }
        stuffer.finish(&mut self.output);
        self.flush(limit).await?;
        self.output = Vec::new();
        if let Some(transcript) = &mut self.transcript {
            transcript.content(content.len());
        }
        Ok(())
    }

    /// Sends octets as they are, behind what was written.
    pub async fn send_octets(&mut self, octets: &[u8], limit: Duration) -> Result<(), WireError> {
        for piece in octets.chunks(PIECE_OCTETS) {
            self.write(piece);
            self.flush(limit).await?;
        }
        self.flush(limit).await?;
        self.output = Vec::new();
        Ok(())
    }

    /// Sends what was written, as far as the socket takes it at once, and closes.
    pub fn close(self) {
        self.stream.close(&self.output);
    }

    fn drop_input(&mut self) {
        self.input = Vec::new();
        self.taken = 0;
    }

    /// Holds no buffer for what was read, unless there is more to read.
    pub fn forget_taken(&mut self) {
        self.input.drain(..self.taken);
        self.taken = 0;
        if self.input.is_empty() {
            // A session that waits for its client holds no buffer.
            self.input = Vec::new();
        }
    }

    async fn fill(&mut self, limit: Duration) -> Result<(), WireError> {
        match within(limit, self.stream.read(&mut self.input)).await? {
            0 => Err(WireError::Closed),
            _ => Ok(()),
        }
    }
}

async fn handshake(
    limit: Duration,
    io: impl Future<Output = io::Result<()>>,
) -> Result<(), WireError> {
    match timeout(limit, io).await {
        Ok(shaken) => shaken.map_err(WireError::Tls),
        Err(_elapsed) => Err(WireError::TimedOut(limit)),
    }
}

async fn within<T>(
    limit: Duration,
    io: impl Future<Output = io::Result<T>>,
) -> Result<T, WireError> {
    timeout(limit, io).await.map_err(|_elapsed| WireError::TimedOut(limit))?.map_err(WireError::Io)
}

/// What octets up to a LF are.
fn line_of(octets: &[u8], octets_max: usize, is_too_long: bool) -> Line {
    let Some(line) = octets.strip_suffix(b"\r\n") else {
        return Line::Malformed("bare LF in command");
    };
    if is_too_long || line.len() > octets_max {
        return Line::Malformed("line too long");
    }
    if memchr::memchr2(b'\r', 0, line).is_some() {
        return Line::Malformed("bare CR or NUL in command");
    }
    Line::Whole(line.to_vec())
}

#[cfg(test)]
mod tests;
