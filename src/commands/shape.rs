//! The shape of a model as flags say it: by name, or in five numbers.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Config;
use crate::recipe::NewModel;

/// The most parameters that a shape may have: 80 GB of weights in f32.
const MOST_PARAMETERS: f64 = 2e10;

/// Models that people know by name; their weights are random here.
const NAMED: [(&str, &str); 4] = [
    ("llama-2-7b", "4096/32/32/11008/32000"),
    ("llama-2-13b", "5120/40/40/13824/32000"),
    ("llama-3-8b", "4096/32/32:8/14336/128256"),
    ("tinyllama-1.1b", "2048/22/32:4/5632/32000"),
];

/// The shape of a model that is named, where there is no folder of that name.
pub fn named(name: &Path) -> Option<&'static str> {
    let known = NAMED.iter().find(|(known, _)| Path::new(known) == name)?;
    (!name.exists()).then_some(known.1)
}

/// The config of a shape in five numbers, see [`parse`].
///
/// # Errors
/// As [`parse`]; the heads do not divide the features.
pub fn config(text: &str, max_position_embeddings: usize) -> Result<Config> {
    let (shape, vocabulary) = parse(text, max_position_embeddings)?;
    Config::new(&shape, vocabulary, None, Vec::new()).map_err(|error| Error::usage(error.to_string()).at("--shape"))
}

/// Reads hidden/layers/heads/mlp/vocab, heads as `heads` or `heads:kv`; also returns the vocabulary.
///
/// # Errors
/// There are not five parts, one is not a number of at least 1, or the model would be too large.
pub fn parse(text: &str, max_position_embeddings: usize) -> Result<(NewModel, usize)> {
    let wrong = || {
        Error::usage("--shape")
            .got(format!("{text:?}"))
            .expected("five numbers, hidden/layers/heads/mlp/vocab")
            .hint("for example 288/6/6/768/32000, or 2048/16/32:8/5632/32000 for grouped-query attention")
    };
    let number = |part: &str| part.trim().parse::<u32>().ok().filter(|n| *n > 0).map(|n| n as usize).ok_or_else(wrong);
    let parts: Vec<&str> = text.split('/').collect();
    let [hidden, layers, heads, mlp, vocabulary] = parts.as_slice() else { return Err(wrong()) };
    let (heads, key_value_heads) = heads.split_once(':').unwrap_or((heads, heads));
    let shape = NewModel {
        hidden_size: number(hidden)?,
        intermediate_size: number(mlp)?,
        layers: number(layers)?,
        heads: number(heads)?,
        key_value_heads: number(key_value_heads)?,
        max_position_embeddings,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.02,
    };
    let vocabulary = number(vocabulary)?;
    let [hidden, mlp, layers] = [shape.hidden_size, shape.intermediate_size, shape.layers].map(|n| n as f64);
    let about = hidden * (2.0 * vocabulary as f64 + layers * (2.0 * hidden + 3.0 * mlp));
    if about > MOST_PARAMETERS {
        return Err(Error::usage("--shape")
            .got(format!("a model of at least {:.0} billion parameters", about / 1e9))
            .expected(format!("at most {:.0} billion", MOST_PARAMETERS / 1e9)));
    }
    Ok((shape, vocabulary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_five_numbers_and_perhaps_fewer_keys_than_queries() {
        let (shape, vocabulary) = parse("288/6/6/768/32000", 2048).unwrap();
        assert_eq!((shape.hidden_size, shape.layers, shape.heads, shape.key_value_heads), (288, 6, 6, 6));
        assert_eq!((shape.intermediate_size, vocabulary), (768, 32000));
        assert_eq!(parse("64/2/8:2/96/50", 2048).unwrap().0.key_value_heads, 2);
    }

    #[test]
    fn every_name_has_a_shape() {
        for (name, shape) in NAMED {
            assert_eq!(named(Path::new(name)), Some(shape));
            assert!(parse(shape, 4096).is_ok());
        }
        assert_eq!(named(Path::new("llama-9")), None);
    }

    #[test]
    fn what_is_not_a_shape_is_a_mistake_in_the_call() {
        for text in ["", "288/6/6/768", "288/6/6/768/32000/1", "288/0/6/768/32000", "288/six/6/768/32000", "-1/1/1/1/1"]
        {
            let error = parse(text, 2048).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().starts_with(&format!("--shape is {text:?}, must be five numbers")), "{error}");
        }
        let error = parse("4000000000/4000000000/1/1/1", 2048).unwrap_err().to_string();
        assert!(error.contains("must be at most 20 billion"), "{error}");
    }
}
