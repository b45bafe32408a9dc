//! What each template writes, what it trains on, and that prompts are prefixes.

mod golden;
mod rules;

use std::path::Path;

use super::*;
use crate::data::{Role, Turn};

const TEMPLATES: [ChatTemplate; 3] = [ChatTemplate::LlammasChat, ChatTemplate::Alpaca, ChatTemplate::Plain];

fn encode(template: &ChatTemplate, conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Encoded> {
    Template::open(template, tokenizer)?.encode(conversation, &mut tokenizer.encoder())
}

fn encode_prompt(template: &ChatTemplate, conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    Template::open(template, tokenizer)?.encode_prompt(conversation, &mut tokenizer.encoder())
}

fn render(template: ChatTemplate, conversation: &Conversation) -> Rendered {
    let tokenizer = Tokenizer::train(["ab ab ab"], 263).unwrap();
    Template::open(&template, &tokenizer).unwrap().render(conversation, &tokenizer).unwrap()
}

fn tokenizers() -> Vec<Tokenizer> {
    let texts =
        ["<|user|> <|assistant|> <|system|> Tere, kuidas läheb? Hästi. Below is an instruction. ### Response: "; 3];
    let mut tokenizers = vec![Tokenizer::train(texts, 330).unwrap()];
    let llama = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/tokenizers/llama2/tokenizer.model"));
    if llama.is_file() {
        tokenizers.push(Tokenizer::open(llama).unwrap());
    } else {
        eprintln!("SKIPPED: ../shared is absent");
    }
    tokenizers
}

fn talk() -> Conversation {
    let turns = [
        (Role::System, " Ole lahke. "),
        (Role::User, "Tere!\n"),
        (Role::Assistant, "Tere! Mis </s> on?"),
        (Role::User, "Kõik."),
        (Role::Assistant, " Hea."),
    ];
    Conversation { turns: turns.map(|(role, text)| Turn::new(role, text)).to_vec() }
}

#[test]
fn llammas_chat_is_written_as_the_format_says() {
    let rendered = render(ChatTemplate::LlammasChat, &talk());
    assert_eq!(
        rendered.text,
        "<|system|>\nOle lahke.\n<|user|>\nTere!\n<|assistant|>\nTere! Mis </s> on?</s>\n\
         <|user|>\nKõik.\n<|assistant|>\nHea.</s>"
    );
    let trained: Vec<&str> = rendered.trained.iter().map(|span| &rendered.text[span.clone()]).collect();
    assert_eq!(trained, ["Tere! Mis </s> on?</s>", "Hea.</s>"]);
    let with_input = Conversation::question("Tõlgi.", "A cat.").answered("Kass.");
    assert_eq!(
        render(ChatTemplate::LlammasChat, &with_input).text,
        "<|user|>\nTõlgi.\nA cat.\n<|assistant|>\nKass.</s>"
    );
}

#[test]
fn alpaca_is_written_as_stanford_writes_it() {
    let with_input = Conversation::question("Tõlgi.", "A cat.").answered("Kass.");
    assert_eq!(
        render(ChatTemplate::Alpaca, &with_input).text,
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a \
         response that appropriately completes the request.\n\n### Instruction:\nTõlgi.\n\n### Input:\nA cat.\n\n\
         ### Response:Kass.</s>"
    );
    let without = Conversation::question("Tere", "").answered("Tere!");
    assert_eq!(
        render(ChatTemplate::Alpaca, &without).text,
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\
         \n\n### Instruction:\nTere\n\n### Response:Tere!</s>"
    );
    assert!(render(ChatTemplate::Alpaca, &talk()).text.starts_with("Ole lahke.\n\n### Instruction:\nTere!"));
}

#[test]
fn plain_is_the_words_alone() {
    assert_eq!(render(ChatTemplate::Plain, &talk()).text, "Ole lahke.\nTere!\nTere! Mis </s> on?</s>\nKõik.\nHea.</s>");
}

#[test]
fn bos_stands_once_and_only_answers_and_their_ends_are_trained_on() {
    for tokenizer in tokenizers() {
        for template in TEMPLATES {
            let encoded = encode(&template, &talk(), &tokenizer).unwrap();
            assert_eq!(encoded.ids.iter().filter(|id| **id == tokenizer.bos()).count(), 1);
            assert_eq!(encoded.ids[0], tokenizer.bos());
            assert_eq!(encoded.ids.iter().filter(|id| **id == tokenizer.eos()).count(), 2, "not the words </s>");
            let spans: Vec<String> = encoded
                .ids
                .iter()
                .zip(&encoded.trained)
                .collect::<Vec<_>>()
                .chunk_by(|one, other| one.1 == other.1)
                .filter(|span| *span[0].1)
                .map(|span| {
                    let mut stream = tokenizer.text_stream();
                    span.iter().map(|(id, _)| stream.push(**id)).collect()
                })
                .collect();
            assert_eq!(spans, ["Tere! Mis </s> on?", "Hea."], "{template:?}");
            let ends: Vec<bool> = encoded
                .ids
                .iter()
                .zip(&encoded.trained)
                .filter(|(id, _)| **id == tokenizer.eos())
                .map(|(_, trained)| *trained)
                .collect();
            assert_eq!(ends, [true, true]);
        }
    }
}

#[test]
fn a_prompt_is_exactly_what_stands_before_the_answer_in_training() {
    for tokenizer in tokenizers() {
        for template in TEMPLATES {
            for answer in ["Kass.", " kass", "...", "\nx", "🐈"] {
                for asked in [1, 3] {
                    let mut turns = vec![Turn::with_input("Mis see on?", if asked == 1 { "A cat." } else { "" })];
                    for _ in 1..asked {
                        turns.push(Turn::new(if turns.len() % 2 == 1 { Role::Assistant } else { Role::User }, "Jah. "));
                    }
                    let conversation = Conversation { turns };
                    let prompt = encode_prompt(&template, &conversation, &tokenizer).unwrap();
                    let whole = encode(&template, &conversation.answered(answer), &tokenizer).unwrap();
                    assert_eq!(whole.ids[..prompt.len()], prompt, "{template:?} {answer:?}");
                    assert!(whole.trained[prompt.len()..].iter().all(|trained| *trained));
                    assert_eq!(whole.ids.last(), Some(&tokenizer.eos()));
                }
            }
        }
    }
}

#[test]
fn pieces_joined_are_the_ids_of_the_whole_text_where_lines_end() {
    let Some(llama) = tokenizers().into_iter().nth(1) else { return };
    let conversation = Conversation::question("Mis see on?", "").answered("See on kass.");
    let encoded = encode(&ChatTemplate::LlammasChat, &conversation, &llama).unwrap();
    let text = render(ChatTemplate::LlammasChat, &conversation).text;
    let whole = llama.encode(text.strip_suffix("</s>").unwrap()).unwrap();
    assert_eq!(encoded.ids[1..encoded.ids.len() - 1], whole, "no space appears in the middle");
}

#[test]
fn a_conversation_without_an_answer_has_nothing_to_train_on() {
    for tokenizer in tokenizers() {
        for conversation in [
            Conversation::default(),
            Conversation::question("Tere", ""),
            Conversation::question("Tere", "").answered(" \n"),
        ] {
            for template in TEMPLATES {
                assert_eq!(encode(&template, &conversation, &tokenizer).unwrap().targets(), 0);
            }
        }
        let mut open = Conversation::question("Tere", "").answered("Tere!");
        let closed = encode(&ChatTemplate::LlammasChat, &open, &tokenizer).unwrap();
        open.turns.push(Turn::new(Role::User, "Veel?"));
        assert_eq!(
            encode(&ChatTemplate::LlammasChat, &open, &tokenizer).unwrap(),
            closed,
            "what nobody answers is left out"
        );
    }
}

#[test]
fn a_document_is_trained_on_from_its_first_word_to_its_end() {
    for tokenizer in tokenizers() {
        let encoded = encode_document("Tere, kuidas läheb?", &mut tokenizer.encoder()).unwrap();
        assert_eq!((encoded.ids[0], *encoded.ids.last().unwrap()), (tokenizer.bos(), tokenizer.eos()));
        assert_eq!(encoded.targets(), encoded.ids.len() - 1);
        assert_eq!(encode_document(" ", &mut tokenizer.encoder()).unwrap().targets(), 0);
    }
}
