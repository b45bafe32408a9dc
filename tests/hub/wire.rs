//! What goes over a connection: requests as they come, and answers, or what a test orders instead of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Decoded path, without the query.
    pub path: String,
    pub query: String,
    /// The first byte asked for.
    pub range: Option<u64>,
    pub token: Option<String>,
    /// Bytes of the body; `None` if it comes in chunks that say theirs.
    pub length: Option<usize>,
    pub body: Vec<u8>,
}

/// What happens to a request instead of its answer.
#[derive(Debug, Clone)]
pub enum Order {
    /// This status, with these headers.
    Status(u16, &'static str),
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// So many bytes at a time, with a pause of ten milliseconds between.
    Slow(usize),
    /// One byte of the body is another one.
    Damage,
    /// Ranges are not understood: all is sent.
    Whole,
    /// The connection ends after so many bytes of the request's body.
    Deaf(usize),
    /// What is asked for is done, but the connection ends before the answer.
    Mute,
}

/// What is sent back.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The next request of a connection; `None` at its end.
pub fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut parts = line.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request { method, path: decoded(path), query: query.to_owned(), ..Request::default() };
    request.length = Some(0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "range" => request.range = value.trim().strip_prefix("bytes=")?.split('-').next()?.parse().ok(),
            "authorization" => request.token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => request.length = value.trim().parse().ok(),
            "transfer-encoding" => request.length = None,
            _ => {}
        }
    }
    Some(request)
}

/// The body of a request; `None` at the end of the connection.
pub fn read_body(reader: &mut BufReader<TcpStream>, length: Option<usize>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = length {
        body.resize(length, 0);
        return reader.read_exact(&mut body).ok().map(|()| body);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        reader.read_line(&mut line).ok()?;
        if size == 0 {
            return Some(body);
        }
    }
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let code = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

impl Answer {
    pub fn json(value: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".into(), "application/json; charset=utf-8".into())];
        Self { status: 200, headers, body: value.to_string().into_bytes() }
    }

    pub fn refusal(status: u16, headers: &str) -> Self {
        let headers = headers.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status, headers, body: b"{\"error\":\"refused\"}".to_vec() }
    }

    pub fn part(bytes: &[u8], start: Option<u64>) -> Self {
        let length = bytes.len();
        let mut headers = vec![("Accept-Ranges".to_owned(), "bytes".to_owned())];
        match start.map(|start| start as usize) {
            None => Self { status: 200, headers, body: bytes.to_vec() },
            Some(start) if start >= length => {
                headers.push(("Content-Range".into(), format!("bytes */{length}")));
                Self { status: 416, headers, body: vec![] }
            }
            Some(start) => {
                headers.push(("Content-Range".into(), format!("bytes {start}-{}/{length}", length - 1)));
                Self { status: 206, headers, body: bytes[start..].to_vec() }
            }
        }
    }

    /// `None` ends the connection.
    pub fn send(&self, stream: &mut TcpStream, method: &str, order: Option<&Order>) -> Option<()> {
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", self.status, self.body.len());
        self.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        if method == "HEAD" {
            return Some(());
        }
        let mut body = self.body.clone();
        match order {
            Some(Order::Cut(after)) => {
                stream.write_all(body.get(..*after).unwrap_or(&body)).ok()?;
                stream.flush().ok()?;
                // What is on its way arrives before the end does.
                std::thread::sleep(Duration::from_millis(50));
                return None;
            }
            Some(Order::Slow(count)) => {
                for piece in body.chunks(*count) {
                    stream.write_all(piece).ok()?;
                    std::thread::sleep(Duration::from_millis(10));
                }
                return Some(());
            }
            Some(Order::Damage) => {
                if let Some(byte) = body.last_mut() {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        stream.write_all(&body).ok()
    }
}
