//! `emakeel generate`: one prompt, or each line of standard input.

use std::io::BufRead;

use serde_json::json;

use crate::cli::GenerateArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::commands::speaker::Speaker;
use crate::data::Conversation;
use crate::error::{Error, Result};

/// Prompts from standard input that are answered together.
const BATCH: usize = 16;

/// Answers and prints.
pub fn run(args: &GenerateArgs) -> Result<()> {
    let mut speaker = Speaker::open(&args.model)?;
    if let Some(folder) = &args.adapter {
        speaker.load_adapter(folder)?.attach(&mut speaker.model)?;
    }
    let interrupt = Interrupt::listen()?;
    let stop = || interrupt.asked();
    let encode = |text: &str| match args.raw {
        true => speaker.raw_prompt(text),
        false => speaker.prompt(&Conversation::question(text, "")),
    };
    if let Some(prompt) = &args.prompt {
        if args.json {
            let answers = speaker.answers(&[encode(prompt)?], &stop)?;
            return output::print_json(&json!({ "answers": [{ "prompt": prompt, "answer": answers.first() }] }));
        }
        speaker.answer(encode(prompt)?, &stop, &mut |piece| output::write(piece))?;
        return output::print("");
    }
    let lines: std::io::Result<Vec<String>> = std::io::stdin().lock().lines().collect();
    let lines = lines.map_err(|e| Error::io("standard input", "read a prompt", &e))?;
    let mut answered = Vec::new();
    for group in lines.chunks(BATCH) {
        let prompts: Result<Vec<Vec<u32>>> = group.iter().map(|line| encode(line)).collect();
        let answers = speaker.answers(&prompts?, &stop)?;
        for (prompt, answer) in group.iter().zip(answers) {
            if args.json {
                answered.push(json!({ "prompt": prompt, "answer": answer }));
            } else {
                output::print(answer.replace('\n', " "))?;
            }
        }
    }
    if args.json { output::print_json(&json!({ "answers": answered })) } else { Ok(()) }
}
