//! Where the Hub is, who asks, and where its files are kept: the variables that `huggingface_hub` reads.
//!
//! | variable | meaning |
//! |---|---|
//! | `HF_ENDPOINT` | the Hub's address; default `https://huggingface.co` |
//! | `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN` | the token |
//! | `HF_TOKEN_PATH` | a file with the token; default `$HF_HOME/token`, which `hf auth login` writes |
//! | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | use no token |
//! | `HF_HOME` | the home of all; default `$XDG_CACHE_HOME/huggingface`, `~/.cache/huggingface` |
//! | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` | the cache; default `$HF_HOME/hub` |
//! | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | ask nothing, use what is in the cache |
//! | `HF_HUB_DOWNLOAD_TIMEOUT` | seconds of silence after which a connection counts as cut; default 30 |

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The Hub's address, without a slash at its end.
    pub endpoint: String,
    /// Who asks, if anyone.
    pub token: Option<Token>,
    /// The cache folder.
    pub cache: PathBuf,
    /// Whether nothing may be asked.
    pub offline: bool,
    /// How long to go on trying.
    pub patience: Patience,
}

/// How long a request that fails is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Failures in a row, without a byte between them, after which it is over.
    pub tries: u32,
    /// The wait after the first failure; each further one is twice as long, up to a minute.
    pub first_wait: Duration,
    /// Silence after which a connection counts as cut.
    pub silence: Duration,
}

/// A secret and where it was found; prints only the second.
#[derive(Clone)]
pub struct Token {
    secret: String,
    origin: String,
}

impl Token {
    /// A token; `origin` is what messages call it.
    pub fn new(secret: impl Into<String>, origin: impl Into<String>) -> Self {
        Self { secret: secret.into(), origin: origin.into() }
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Where it was found: `HF_TOKEN`, or a file.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token of {}", self.origin)
    }
}

impl Environment {
    /// Reads the variables of this process.
    pub fn read() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same from any set of variables; an empty one counts as absent.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| get(name));
        let home = get("HF_HOME").map(|path| expanded(&path, get("HOME"))).unwrap_or_else(|| {
            let above = get("XDG_CACHE_HOME").map(|path| expanded(&path, get("HOME")));
            above.unwrap_or_else(|| expanded("~/.cache", get("HOME"))).join("huggingface")
        });
        let cache = first(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).map(|path| expanded(&path, get("HOME")));
        let endpoint = get("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let silence = get("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.parse().ok()).unwrap_or(30);
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token(&get, &home),
            cache: cache.unwrap_or_else(|| home.join("hub")),
            offline: first(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]).is_some_and(|value| is_true(&value)),
            patience: Patience { tries: 6, first_wait: Duration::from_secs(1), silence: Duration::from_secs(silence) },
        }
    }
}

fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str())
}

fn expanded(path: &str, home: Option<String>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        (Some(rest), None) => PathBuf::from("/tmp").join(rest),
        _ => PathBuf::from(path),
    }
}

fn token(get: &impl Fn(&str) -> Option<String>, home: &std::path::Path) -> Option<Token> {
    if get("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|value| is_true(&value)) {
        return None;
    }
    let clean = |text: String| text.replace(['\r', '\n'], "").trim().to_owned();
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(secret) = get(name).map(clean).filter(|secret| !secret.is_empty()) {
            return Some(Token::new(secret, name));
        }
    }
    let path = get("HF_TOKEN_PATH").map_or_else(|| home.join("token"), |path| expanded(&path, get("HOME")));
    let secret = clean(std::fs::read_to_string(&path).ok()?);
    (!secret.is_empty()).then(|| Token::new(secret, path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Environment::from_variables(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn folders_follow_the_variables_in_their_order() {
        let cache = |variables: &[(&str, &str)]| environment(variables).cache.display().to_string();
        assert_eq!(cache(&[("HOME", "/h")]), "/h/.cache/huggingface/hub");
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), "/x/huggingface/hub");
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), "/h/hf/hub");
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/c")]), "/c");
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/c"), ("HF_HUB_CACHE", "/d")]), "/d");
        assert_eq!(environment(&[("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
        assert!(environment(&[("HF_HUB_OFFLINE", "yes")]).offline);
        assert!(!environment(&[("HF_HUB_OFFLINE", "0")]).offline);
    }

    #[test]
    fn the_token_comes_from_a_variable_or_a_file_and_is_never_printed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_of_file\n").unwrap();
        let home = home.path().to_str().unwrap();
        let of_file = environment(&[("HF_HOME", home)]);
        assert_eq!(of_file.token.as_ref().map(Token::secret), Some("hf_of_file"));
        let of_variable = environment(&[("HF_HOME", home), ("HF_TOKEN", " hf_secret\n")]);
        assert_eq!(of_variable.token.as_ref().map(Token::secret), Some("hf_secret"));
        assert!(!format!("{of_variable:?}").contains("hf_secret"));
        let refused = environment(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]);
        assert!(refused.token.is_none());
    }
}
