//! `emakeel chat`: a conversation on the terminal; adapters swap while it goes on.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use crate::adapter::{self, Adapter};
use crate::cli::{self, ChatArgs};
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::commands::speaker::{Speaker, folder_name};
use crate::data::{Conversation, Role, Turn};
use crate::error::{Error, Result};
use crate::progress::Progress;

const HELP: &str = "\
/adapter NAME   answer with that adapter from now on; /adapter none: with the base alone
/adapters       the adapters there are
/new            forget what was said
/help           these lines
/quit           end (so does Ctrl-D)";

/// Talks until the person ends it.
pub fn run(args: &ChatArgs, progress: Progress) -> Result<()> {
    let mut speaker = Speaker::open(&args.model)?;
    let adapters = load_adapters(&speaker, &adapter_places(args))?;
    let first = adapters.keys().next().map(String::as_str);
    swap(&mut speaker, &adapters, first)?;
    progress.say(format!("{} · adapter {} · /help", args.model.model, first.unwrap_or("none")));
    let interrupt = Interrupt::listen()?;
    let mut conversation = Conversation { turns: Vec::new() };
    let asks = std::io::stdin().is_terminal();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if asks {
            output::write("> ")?;
        }
        let Some(line) = lines.next() else { return Ok(()) };
        let line = line.map_err(|e| Error::io("standard input", "read a line", &e))?;
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (None, _) => {}
            (Some("/quit"), _) => return Ok(()),
            (Some("/help"), _) => output::print(HELP)?,
            (Some("/new"), _) => conversation.turns.clear(),
            (Some("/adapters"), _) => output::print(names(&adapters))?,
            (Some("/adapter"), Some("none")) => swap(&mut speaker, &adapters, None)?,
            (Some("/adapter"), Some(name)) if adapters.contains_key(name) => {
                swap(&mut speaker, &adapters, Some(name))?;
            }
            (Some("/adapter"), _) => output::print(format!("there are: {}", names(&adapters)))?,
            (Some(word), _) if word.starts_with('/') => output::print(HELP)?,
            _ => say(&speaker, &mut conversation, line, &interrupt)?,
        }
    }
}

/// One turn: the question, the answer as it comes, and both kept for the next turn.
fn say(speaker: &Speaker, conversation: &mut Conversation, line: String, interrupt: &Interrupt) -> Result<()> {
    conversation.turns.push(Turn::new(Role::User, line));
    let prompt = speaker.prompt(conversation)?;
    interrupt.forget();
    let answer = speaker.answer(prompt, &|| interrupt.asked(), &mut |piece| output::write(piece))?;
    output::print("")?;
    conversation.turns.push(Turn::new(Role::Assistant, answer.trim()));
    Ok(())
}

fn names(adapters: &BTreeMap<String, Adapter>) -> String {
    if adapters.is_empty() {
        return "no adapters; give some with --adapter DIR".to_owned();
    }
    adapters.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn swap(speaker: &mut Speaker, adapters: &BTreeMap<String, Adapter>, name: Option<&str>) -> Result<()> {
    adapter::detach(&mut speaker.model)?;
    match name.and_then(|name| adapters.get(name)) {
        Some(adapter) => adapter.attach(&mut speaker.model),
        None => Ok(()),
    }
}

/// The folders given; with none given and the built-in model, the adapters that come with the program.
fn adapter_places(args: &ChatArgs) -> Vec<PathBuf> {
    let shipped = Path::new("adapters");
    if args.adapter.is_empty() && args.model.model == cli::BUILT_IN_MODEL && shipped.is_dir() {
        return vec![shipped.to_owned()];
    }
    args.adapter.clone()
}

/// Loads adapter folders; a folder that holds adapter folders gives them all.
fn load_adapters(speaker: &Speaker, folders: &[PathBuf]) -> Result<BTreeMap<String, Adapter>> {
    let mut adapters = BTreeMap::new();
    for folder in folders {
        for place in adapter_folders(folder)? {
            adapters.insert(folder_name(&place), speaker.load_adapter(&place)?);
        }
    }
    Ok(adapters)
}

/// A folder itself if it is an adapter, else the adapter folders in it.
pub(super) fn adapter_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_adapter = |path: &Path| path.join("adapter_config.json").exists();
    if is_adapter(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list the folder", &e))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|path| is_adapter(path)).collect();
    found.sort();
    if found.is_empty() {
        return Err(Error::new("there is no adapter here")
            .at(folder.display().to_string())
            .hint("an adapter folder holds adapter_config.json and adapter_model.safetensors"));
    }
    Ok(found)
}
