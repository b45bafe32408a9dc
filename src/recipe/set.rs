//! `--set path.to.key=value`: a change to a recipe from the command line.

use std::sync::Arc;

use super::mismatch::describe;
use super::node::{Entry, Node, Spot, Value};
use super::yaml;
use crate::error::{Error, Result};

/// Makes one change to the tree of a recipe.
///
/// The value is YAML; `null` takes the key out. Maps that are missing on the way are made; a number steps into a
/// list, and the number after the last adds an item.
///
/// # Errors
/// The argument has no `=`, an empty step or no value; the value is not YAML; the way leads into something that
/// is neither map nor list, or past the end of a list.
pub(crate) fn apply(tree: &mut Node, argument: &str) -> Result<()> {
    let place = format!("--set {argument}");
    let Some((path, value)) = argument.split_once('=') else {
        return Err(Error::usage("it has no value").at(place).hint("write --set path.to.key=value"));
    };
    let steps: Vec<&str> = path.split('.').map(str::trim).collect();
    if steps.iter().any(|step| step.is_empty()) {
        return Err(Error::usage("a step of the key is empty").at(place).hint("write --set path.to.key=value"));
    }
    if value.trim().is_empty() {
        return Err(Error::usage("the value is empty")
            .at(place)
            .hint(format!("{path}=null takes the key out; {path}='\"\"' is an empty text")));
    }
    let argument: Arc<str> = argument.into();
    let value = yaml::read_argument(value, &argument)
        .map_err(|reason| Error::usage(format!("the value is not YAML: {reason}")).at(place.clone()))?;
    if matches!(tree.value, Value::Null) {
        *tree = empty_map(&argument);
    }
    put(tree, &steps, value, &argument).map_err(|error| error.at(place))
}

fn empty_map(argument: &Arc<str>) -> Node {
    Node { value: Value::Map(Vec::new()), spot: Spot::Set(argument.clone()) }
}

fn put(node: &mut Node, steps: &[&str], value: Node, argument: &Arc<str>) -> Result<()> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    match &mut node.value {
        Value::Map(entries) => {
            if rest.is_empty() && value.value == Value::Null {
                entries.retain(|entry| entry.key != *step);
                return Ok(());
            }
            if !entries.iter().any(|entry| entry.key == *step) {
                let spot = Spot::Set(argument.clone());
                entries.push(Entry { key: (*step).to_owned(), spot, node: empty_map(argument) });
            }
            match entries.iter_mut().find(|entry| entry.key == *step) {
                Some(entry) => {
                    if rest.is_empty() {
                        entry.spot = Spot::Set(argument.clone());
                    } else if entry.node.value == Value::Null {
                        entry.node = empty_map(argument);
                    }
                    put(&mut entry.node, rest, value, argument)
                }
                None => Ok(()),
            }
        }
        Value::Seq(items) => {
            let count = items.len();
            let index = step.parse().ok().filter(|&index: &usize| index <= count).ok_or_else(|| {
                Error::usage(format!("step {step:?} into a list of {count}"))
                    .expected(format!("a number from 0 to {count}"))
                    .hint(format!("{count} adds an item at the end"))
            })?;
            if rest.is_empty() && value.value == Value::Null {
                if index < count {
                    items.remove(index);
                }
                return Ok(());
            }
            if index == count {
                items.push(empty_map(argument));
            }
            items.get_mut(index).map_or(Ok(()), |item| put(item, rest, value, argument))
        }
        other => {
            Err(Error::usage(format!("what {step:?} steps into")).got(describe(other)).expected("a map or a list"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::places::Places;

    fn changed(text: &str, sets: &[&str]) -> Result<Node, String> {
        let (mut tree, _) = yaml::read(text, "r").map_err(|e| e.to_string())?;
        for set in sets {
            apply(&mut tree, set).map_err(|error| {
                assert_eq!(error.exit_code(), 2, "a wrong argument is a mistake in the call");
                error.to_string()
            })?;
        }
        Ok(tree)
    }

    /// The tree as JSON-like text, without places.
    fn show(node: &Node) -> String {
        match &node.value {
            Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
            Value::Map(entries) => {
                let entries: Vec<String> = entries.iter().map(|e| format!("{}:{}", e.key, show(&e.node))).collect();
                format!("{{{}}}", entries.join(","))
            }
            other => describe(other),
        }
    }

    fn shown(text: &str, sets: &[&str]) -> String {
        changed(text, sets).map_or_else(|error| error, |tree| show(&tree))
    }

    #[test]
    fn values_are_yaml_and_missing_maps_are_made() {
        assert_eq!(shown("a: { b: 1 }", &["a.b=2e-5"]), "{a:{b:2e-5}}");
        assert_eq!(shown("a: { b: 1 }", &["a.c.d=[x, 5B]"]), "{a:{b:1,c:{d:[\"x\",\"5B\"]}}}");
        assert_eq!(shown("", &["a.b=true"]), "{a:{b:true}}");
        assert_eq!(shown("a:", &["a.b=x=y"]), "{a:{b:\"x=y\"}}");
        assert_eq!(shown("a: 1", &["a={ b: 2 }", "a.c=3"]), "{a:{b:2,c:3}}");
    }

    #[test]
    fn lists_are_stepped_into_by_number_and_null_takes_out() {
        assert_eq!(shown("a: [{ b: 1 }, 7]", &["a.0.b=2", "a.1=8", "a.2=9"]), "{a:[{b:2},8,9]}");
        assert_eq!(shown("a: [1, 2]\nb: 3", &["a.0=null", "b=~"]), "{a:[2]}");
        assert_eq!(shown("a: 1", &["z=null"]), "{a:1}");
    }

    #[test]
    fn what_was_set_is_placed_at_its_argument() {
        let tree = changed("a: { b: 1 }", &["a.c={ d: 5 }"]).expect("a change");
        let places = Places::of_tree(&tree, "r.yaml");
        assert_eq!(places.of("a.b"), "recipe r.yaml:1:9");
        assert_eq!(places.of("a.c.d"), "--set a.c={ d: 5 }");
    }

    #[test]
    fn an_argument_that_makes_no_sense_is_refused() {
        assert_eq!(shown("a: 1", &["a"]), "--set a  it has no value\n  hint: write --set path.to.key=value");
        assert_eq!(
            shown("a: 1", &["a..b=1"]),
            "--set a..b=1  a step of the key is empty\n  hint: write --set path.to.key=value"
        );
        assert_eq!(
            shown("a: 1", &["a="]),
            "--set a=  the value is empty\n  hint: a=null takes the key out; a='\"\"' is an empty text"
        );
        assert_eq!(shown("a: 1", &["a=[1"]), "--set a=[1  the value is not YAML: unclosed bracket '['");
        assert_eq!(shown("a: 1", &["a.b=1"]), "--set a.b=1  what \"b\" steps into is 1, must be a map or a list");
        assert_eq!(
            shown("a: [1, 2]", &["a.5=1"]),
            "--set a.5=1  step \"5\" into a list of 2 must be a number from 0 to 2\n  hint: 2 adds an item at the end"
        );
    }
}
