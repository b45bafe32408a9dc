//! Where the judge is and with what key: the variables that OpenAI's own clients read.
//!
//! | variable | meaning |
//! |---|---|
//! | `OPENAI_API_KEY` | the key; a local server needs none |
//! | `OPENAI_BASE_URL` | the address, if the recipe has none; default `https://api.openai.com/v1` |
//!
//! The key goes into one header of each request and nowhere else: `Access::without_key` takes it out of whatever a
//! server says before that is shown or written.

use std::time::Duration;

use crate::hub::environment::Token;

/// The address if nobody says another.
const OPENAI: &str = "https://api.openai.com/v1";

/// The variable that holds the key.
pub(super) const KEY: &str = "OPENAI_API_KEY";

/// So many first letters of a key are as telling as the whole: servers repeat keys in part.
const TELLING: usize = 6;

/// Where the judge is, who asks, and how long to go on trying.
#[derive(Debug, Clone)]
pub struct Access {
    /// The address, without a slash at its end.
    pub base: String,
    /// Who asks, if anyone.
    pub key: Option<Token>,
    /// How long a request that fails is tried again.
    pub patience: Patience,
}

/// How long a request that fails is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Failures after which it is over.
    pub tries: u32,
    /// The wait after the first failure; each further one is twice as long, up to a minute, less a random part.
    pub first_wait: Duration,
    /// All waits of one request together.
    pub whole_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 7, first_wait: Duration::from_secs(1), whole_wait: Duration::from_secs(600) }
    }
}

impl Access {
    /// From the variables of this process; `endpoint` is what the recipe says.
    pub fn from_process(endpoint: Option<&str>) -> Self {
        Self::from_variables(endpoint, |name| std::env::var(name).ok())
    }

    /// From variables by name; an empty one counts as absent.
    pub fn from_variables(endpoint: Option<&str>, get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let base = endpoint.map(str::to_owned).or_else(|| get("OPENAI_BASE_URL"));
        Self {
            base: base.unwrap_or_else(|| OPENAI.to_owned()).trim_end_matches('/').to_owned(),
            key: get(KEY).map(|secret| Token::new(secret, KEY)),
            patience: Patience::default(),
        }
    }

    /// A text without the key: as it is, in part, or as JSON writes it.
    pub(super) fn without_key(&self, text: &str) -> String {
        let Some(secret) = self.key.as_ref().map(Token::secret) else { return text.to_owned() };
        let text = text.replace(secret, "[key]");
        let telling: String = secret.chars().take(TELLING).collect();
        if secret.chars().count() < 2 * TELLING || !text.contains(&telling) {
            return text;
        }
        let ends = |c: char| c.is_whitespace() || "\"',;:()[]{}<>`\\".contains(c);
        text.split_inclusive(ends)
            .map(|word| {
                if !word.contains(&telling) {
                    return word.to_owned();
                }
                let end = word.chars().last().filter(|c| ends(*c));
                end.map_or_else(|| "[key]".to_owned(), |end| format!("[key]{end}"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_comes_before_the_variable_and_that_before_openai() {
        let with = |endpoint, value: &str| {
            Access::from_variables(endpoint, |name| (name == "OPENAI_BASE_URL").then(|| value.to_owned())).base
        };
        assert_eq!(with(Some("http://a/v1"), "http://b/v1/"), "http://a/v1");
        assert_eq!(with(None, "http://b/v1/"), "http://b/v1");
        assert_eq!(with(None, " "), OPENAI);
    }

    #[test]
    fn the_key_is_taken_out_of_every_text_and_is_not_printed() {
        let access = Access::from_variables(None, |name| (name == KEY).then(|| " sk-abc123-secret-part\n".to_owned()));
        assert!(!format!("{access:?}").contains("secret"));
        let said = r#"{"error": "wrong key: sk-abc123-secret-part, or sk-abc123***part."} (sk-abc123-secret-parts)"#;
        let shown = access.without_key(said);
        assert!(!shown.contains("sk-abc") && shown.contains("wrong key: [key], or [key]"), "{shown}");
        assert_eq!(access.without_key("õ sk-ab"), "õ sk-ab");
    }
}
