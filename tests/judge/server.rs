//! A small judge: answers as an OpenAI-compatible server does, and fails in the way that a test orders.
//!
//! It prefers the answer with the larger number in it, and gives that number as a score.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A status, further headers and a body; `KEY` in it becomes the key that was sent.
    Status(u16, &'static str, &'static str),
    /// A reply that is no chat completion; `KEY` as above.
    Body(&'static str),
    /// The connection stays open and silent.
    Hang,
    /// The connection ends without a word.
    Close,
    /// The reply ends in its middle.
    Cut,
    /// The judge says this.
    Says(&'static str),
    /// The reply does not count tokens.
    NoUsage,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub key: Option<String>,
    pub body: Value,
}

impl Asked {
    /// The last words of the user.
    pub fn prompt(&self) -> String {
        self.body["messages"].as_array().and_then(|all| all.last()).expect("a message")["content"]
            .as_str()
            .expect("a text")
            .to_owned()
    }
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    always: Option<Fault>,
    log: Vec<Asked>,
    delay: Duration,
    /// Always says A.
    first: bool,
}

#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    pub base: String,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let server = Self { state: Arc::default(), base };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                std::thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        server
    }

    /// The next requests meet these, one each.
    pub fn faults(&self, faults: &[Fault]) {
        self.state.lock().expect("the state").faults = faults.iter().rev().cloned().collect();
    }

    pub fn always(&self, fault: Fault) {
        self.state.lock().expect("the state").always = Some(fault);
    }

    pub fn delay(&self, delay: Duration) {
        self.state.lock().expect("the state").delay = delay;
    }

    pub fn prefer_the_first(&self) {
        self.state.lock().expect("the state").first = true;
    }

    /// The requests so far; forgets them.
    pub fn requests(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().expect("the state").log)
    }

    pub fn count(&self) -> usize {
        self.state.lock().expect("the state").log.len()
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let asked = read(stream)?;
        let (fault, delay, first) = {
            let mut state = self.state.lock().expect("the state");
            state.log.push(asked.clone());
            (state.faults.pop().or_else(|| state.always.clone()), state.delay, state.first)
        };
        std::thread::sleep(delay);
        let key = asked.key.clone().unwrap_or_default();
        let text =
            if first && asked.prompt().contains("--- answer A ---") { "Verdict: A".into() } else { verdict(&asked) };
        match fault {
            Some(Fault::Status(status, headers, body)) => send(stream, status, headers, &body.replace("KEY", &key)),
            Some(Fault::Body(body)) => send(stream, 200, "", &body.replace("KEY", &key)),
            Some(Fault::Hang) => {
                std::thread::sleep(Duration::from_secs(20));
                None
            }
            Some(Fault::Close) => None,
            Some(Fault::Cut) => {
                let _ = (&*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\": [");
                None
            }
            Some(Fault::Says(text)) => send(stream, 200, "", &completion(&text.replace("KEY", &key), true)),
            Some(Fault::NoUsage) => send(stream, 200, "", &completion(&text, false)),
            None => send(stream, 200, "", &completion(&text, true)),
        }
    }
}

fn completion(text: &str, usage: bool) -> String {
    let mut value = json!({
        "id": "1", "object": "chat.completion",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
    });
    if usage {
        value["usage"] = json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 });
    }
    value.to_string()
}

/// The number in the text between two marks.
fn number(prompt: &str, mark: &str) -> u32 {
    let text = prompt.split(mark).nth(1).and_then(|rest| rest.split("---").next()).unwrap_or_default();
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(1)
}

fn verdict(asked: &Asked) -> String {
    let prompt = asked.body["messages"][0]["content"].as_str().unwrap_or_default();
    if !prompt.contains("--- answer A ---") {
        return format!("Nii on.\nScore: {}", number(prompt, "--- answer ---").clamp(1, 10));
    }
    let (a, b) = (number(prompt, "--- answer A ---"), number(prompt, "--- answer B ---"));
    let word = match a.cmp(&b) {
        std::cmp::Ordering::Greater => "A",
        std::cmp::Ordering::Less => "B",
        std::cmp::Ordering::Equal => "tie",
    };
    format!("The larger number is better.\nVerdict: {word}")
}

fn send(mut stream: &TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0, None);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
    assert!(first.starts_with("POST /v1/chat/completions HTTP/1.1"), "{first}");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().expect("a number"),
            "authorization" => key = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { key, body: serde_json::from_slice(&body).expect("JSON") })
}
