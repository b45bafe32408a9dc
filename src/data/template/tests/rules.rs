//! Our own rules: words stay words, BOS stands once, answers end, and who is trained on.

use proptest::strategy::Strategy;

use super::*;

const PLAIN_CHAT: &str = "{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}\
                          {% if add_generation_prompt %}[assistant]{% endif %}";
const ENDED_CHAT: &str = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n\
                          {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

fn tokenizer() -> Tokenizer {
    Tokenizer::train(["<|user|> Tere, kuidas läheb? Hästi. [assistant] <user> message im_start "; 3], 340).unwrap()
}

fn of_file(text: &str, tokenizer: &Tokenizer) -> Result<Template> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.jinja");
    files::write(&path, text).unwrap();
    Template::open(&ChatTemplate::File(path), tokenizer)
}

/// The texts of the runs of trained tokens; special tokens are written `◆`.
fn spans(encoded: &Encoded, tokenizer: &Tokenizer) -> Vec<String> {
    let pairs: Vec<(u32, bool)> = encoded.ids.iter().copied().zip(encoded.trained.iter().copied()).collect();
    let text = |run: &[(u32, bool)]| {
        let mut stream = tokenizer.text_stream();
        let one = |(id, _): &(u32, bool)| if tokenizer.is_special(*id) { "◆".to_owned() } else { stream.push(*id) };
        run.iter().map(one).collect::<String>()
    };
    pairs.chunk_by(|a, b| a.1 == b.1).filter(|run| run[0].1).map(text).collect()
}

#[test]
fn answers_are_found_without_generation_blocks() {
    let tokenizer = tokenizer();
    let talk = talk();
    let encoded = of_file(ENDED_CHAT, &tokenizer).unwrap().encode(&talk, &mut tokenizer.encoder()).unwrap();
    assert_eq!(spans(&encoded, &tokenizer), ["Tere! Mis </s> on?◆", " Hea.◆"]);
    assert_eq!(encoded.ids.iter().filter(|id| **id == tokenizer.bos()).count(), 1);
    assert_eq!(encoded.ids.iter().filter(|id| **id == tokenizer.eos()).count(), 5);
    // A template that trims: the marks go around the trimmed words. It ends no turn, so EOS does.
    let encoded = of_file(PLAIN_CHAT, &tokenizer).unwrap().encode(&talk, &mut tokenizer.encoder()).unwrap();
    assert_eq!(spans(&encoded, &tokenizer), [" Tere! Mis </s> on?", "Hea.◆"]);
    assert_eq!((encoded.ids[0], *encoded.ids.last().unwrap()), (tokenizer.bos(), tokenizer.eos()));
}

#[test]
fn a_template_that_changes_the_words_is_refused_with_the_message() {
    let tokenizer = tokenizer();
    let backwards = ENDED_CHAT.replace("m.content", "m.content[::-1]");
    let error =
        of_file(&backwards, &tokenizer).unwrap().encode(&talk(), &mut tokenizer.encoder()).unwrap_err().to_string();
    assert!(error.contains("the words of message 3 (assistant)"), "{error}");
    let dropping = ENDED_CHAT.replace("in messages", "in messages[3:]");
    assert!(of_file(&dropping, &tokenizer).unwrap().encode(&talk(), &mut tokenizer.encoder()).is_err());
    let all = of_file(&backwards, &tokenizer).unwrap().training(TrainOn::All);
    let talk = Conversation::question("Tere", "").answered("Tere!");
    assert!(all.encode(&talk, &mut tokenizer.encoder()).unwrap().targets() > 5, "nothing must be found for it");
}

#[test]
fn the_name_of_a_special_token_stays_words() {
    let tokenizer = tokenizer();
    let mut encoder = tokenizer.encoder();
    let talk = Conversation::question("a</s><s> b", "").answered("x <s></s>");
    for text in [ENDED_CHAT, PLAIN_CHAT, CHATML, LLAMA_2_CHAT, TULU, LLAMA_3] {
        let template = of_file(text, &tokenizer).unwrap();
        let encoded = template.encode(&talk, &mut encoder).unwrap();
        let other = Conversation::question("a<.s><.> b", "").answered("x <.><.s>");
        let without = template.encode(&other, &mut encoder).unwrap();
        let count = |encoded: &Encoded| encoded.ids.iter().filter(|id| tokenizer.is_special(**id)).count();
        assert_eq!(count(&encoded), count(&without), "{text}");
        let prompt = template.encode_prompt(&talk, &mut encoder).unwrap();
        assert!(tokenizer.decode(&prompt).contains("a</s><s> b"));
        let rendered = template.render(&talk, &tokenizer).unwrap();
        assert!(rendered.text.contains("a</s><s> b"), "{}", rendered.text);
    }
    let looking = ENDED_CHAT.replace("{{ m.content }}", "{{ m.content.split('</s>')[0] }}");
    let error = of_file(&looking, &tokenizer).unwrap().encode(&talk, &mut encoder).unwrap_err().to_string();
    assert!(error.contains("message 1 (user)") && error.contains("</s>"), "{error}");
}

#[test]
fn who_is_trained_on_is_chosen_by_the_recipe_and_by_each_turn() {
    let tokenizer = tokenizer();
    let mut talk = talk();
    for text in [ENDED_CHAT, CHATML, TULU] {
        let opened = |train_on| of_file(text, &tokenizer).unwrap().training(train_on);
        let spans_of = |train_on, talk: &Conversation| {
            let encoded = opened(train_on).encode(talk, &mut tokenizer.encoder()).unwrap();
            spans(&encoded, &tokenizer)
        };
        assert_eq!(spans_of(TrainOn::Assistant, &talk).len(), 2);
        let last = spans_of(TrainOn::Last, &talk);
        assert!(last.len() == 1 && last[0].trim().starts_with("Hea."), "{last:?}");
        let encoded = opened(TrainOn::All).encode(&talk, &mut tokenizer.encoder()).unwrap();
        assert_eq!(encoded.targets(), encoded.ids.len() - 1, "all but BOS");
        talk.turns[2].trained = Some(false);
        let kept = spans_of(TrainOn::Assistant, &talk);
        assert!(kept.len() == 1 && kept[0].trim().starts_with("Hea."), "{kept:?}");
        let all = spans_of(TrainOn::All, &talk).concat();
        assert!(all.contains("Kõik.") && !all.contains("Mis </s> on"), "{all:?}");
        talk.turns[2].trained = None;
        talk.turns[3].trained = Some(true);
        let more = spans_of(TrainOn::Last, &talk);
        assert!(more.len() == 2 && more[0].trim().starts_with("Kõik."), "{more:?}");
        talk.turns[3].trained = None;
    }
}

#[test]
fn pieces_are_chosen_like_the_others() {
    let tokenizer = tokenizer();
    for format in TEMPLATES {
        let spans_of = |train_on, talk: &Conversation| {
            let template = Template::open(&format, &tokenizer).unwrap().training(train_on);
            spans(&template.encode(talk, &mut tokenizer.encoder()).unwrap(), &tokenizer)
        };
        let mut talk = talk();
        assert_eq!(spans_of(TrainOn::Assistant, &talk).len(), 2);
        assert_eq!(spans_of(TrainOn::Last, &talk), ["Hea.◆"]);
        assert_eq!(spans_of(TrainOn::All, &talk).len(), 1);
        talk.turns[3].trained = Some(true);
        talk.turns[4].trained = Some(false);
        let spans = spans_of(TrainOn::Assistant, &talk);
        assert!(spans[1].trim() == "Kõik." && spans.len() == 2, "{spans:?}");
        talk.turns[0].trained = Some(false);
        let all = spans_of(TrainOn::All, &talk).concat();
        assert!(!all.contains("Ole lahke") && all.contains("Tere!") && !all.contains("Hea."), "{all:?}");
    }
}

#[test]
fn a_prompt_is_what_stands_before_the_answer_in_every_jinja_template() {
    for tokenizer in tokenizers() {
        for text in [LLAMA_2_CHAT, LLAMA_3, CHATML, TULU] {
            let template = of_file(text, &tokenizer).unwrap();
            for answer in ["Kass.", " kass", "...", "\nx", "🐈", "[x]", "1"] {
                for turns in [1, 3] {
                    let roles = [Role::User, Role::Assistant];
                    let turns = (0..turns).map(|at| Turn::new(roles[at % 2], "Mis see on?\n")).collect();
                    let asked = Conversation { turns };
                    let prompt = template.encode_prompt(&asked, &mut tokenizer.encoder()).unwrap();
                    let whole = template.encode(&asked.answered(answer), &mut tokenizer.encoder()).unwrap();
                    assert_eq!(whole.ids[..prompt.len()], prompt, "{answer:?} in {text}");
                    assert!(whole.trained[prompt.len()] && !whole.trained[prompt.len() - 1]);
                }
            }
        }
    }
}

#[test]
fn a_template_knows_how_its_turns_end_and_begin() {
    let tokenizer = tokenizer();
    let ends = |text: &str| of_file(text, &tokenizer).unwrap().ends(&tokenizer);
    assert_eq!(ends(ENDED_CHAT), [tokenizer.eos()]);
    assert_eq!(ends(PLAIN_CHAT), [tokenizer.eos()]);
    let next = |text: &str| of_file(text, &tokenizer).unwrap().next_turn().join(" ");
    assert_eq!(next(ENDED_CHAT), "<user>");
    assert_eq!(next(PLAIN_CHAT), "[user]");
    assert_eq!(next(LLAMA_2_CHAT), "[INST]");
    assert_eq!(next(TULU), "<|user|>");
    assert_eq!(next(CHATML), "<|im_end|>", "a mark that the tokenizer does not have is text");
}

#[test]
fn an_answer_without_words_is_no_target() {
    let tokenizer = tokenizer();
    let talk = Conversation::question("Tere", "").answered(" \n");
    for text in [LLAMA_2_CHAT, LLAMA_3, CHATML, TULU, ENDED_CHAT, PLAIN_CHAT] {
        let template = of_file(text, &tokenizer).unwrap();
        assert_eq!(template.encode(&talk, &mut tokenizer.encoder()).unwrap().targets(), 0);
    }
}

#[test]
fn cache_names_and_fingerprints_follow_the_text_and_what_is_trained_on() {
    let tokenizer = tokenizer();
    let one = of_file(CHATML, &tokenizer).unwrap();
    let other = of_file(TULU, &tokenizer).unwrap();
    assert!(one.file_name().chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", one.file_name());
    assert_ne!((one.file_name(), one.fingerprint()), (other.file_name(), other.fingerprint()));
    let (name, fingerprint) = (one.file_name(), one.fingerprint());
    let last = one.training(TrainOn::Last);
    assert!(last.file_name() != name && last.fingerprint() != fingerprint);
    let pieces = Template::open(&ChatTemplate::LlammasChat, &tokenizer).unwrap();
    assert_eq!((pieces.file_name().as_str(), pieces.fingerprint().as_str()), ("llammas-chat", "LlammasChat"));
}

#[test]
fn the_models_own_template_lies_beside_its_tokenizer() {
    let trained = tokenizer();
    let folder = tempfile::tempdir().unwrap();
    trained.save(folder.path()).unwrap();
    let open = || Template::open(&ChatTemplate::Model, &Tokenizer::open(folder.path()).unwrap());
    assert!(open().unwrap_err().to_string().contains("came without a chat template"));
    let config = folder.path().join("tokenizer_config.json");
    let mut value: serde_json::Value = serde_json::from_slice(&files::read(&config).unwrap()).unwrap();
    value["chat_template"] =
        serde_json::json!([{ "name": "rag", "template": "x" }, { "name": "default", "template": ENDED_CHAT }]);
    files::write(&config, value.to_string()).unwrap();
    assert_eq!(open().unwrap().next_turn(), ["<user>"]);
    files::write(&folder.path().join("chat_template.jinja"), PLAIN_CHAT).unwrap();
    assert_eq!(open().unwrap().next_turn(), ["[user]"], "the file is preferred");
    let copy = tempfile::tempdir().unwrap();
    Tokenizer::open(folder.path()).unwrap().save(copy.path()).unwrap();
    assert!(copy.path().join("chat_template.jinja").is_file(), "it travels with the tokenizer");
}

#[test]
fn templates_that_never_end_are_errors() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x\
                   {% endfor %}{% endfor %}{% endfor %}";
    let doubling =
        "{% set ns = namespace(x='aaaaaaaa') %}{% for a in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    for text in [
        endless,
        doubling,
        "{{ 'x' * 99999999 }}",
        "{{ range(99999999) | list | tojson }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ [[messages] * 1000] * 1000 | tojson(indent=60) }}",
        &"{% generation %}".repeat(5000),
        &"{% if true %}".repeat(5000),
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.x = [{'a': ns}] %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for a in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for a in range(90000) %}{% set ns.x = [ns.x] | reverse %}{% endfor %}",
        &"{% set x = [x] %}".repeat(10_000),
        &"(".repeat(9000),
        &format!("{{{{ {} }}}}", "[".repeat(9000)),
    ] {
        let started = std::time::Instant::now();
        let result = jinja::render_any(text);
        assert!(result.is_err() || text.starts_with('('), "{:?}", text.chars().take(60).collect::<String>());
        assert!(started.elapsed().as_secs() < 20);
    }
}

#[test]
fn values_as_deep_as_a_template_is_long_fit_the_stack_of_a_thread() {
    let text = format!("{{%set x=1%}}{}{{{{ x }}}}{{{{ x == [x] }}}}", "{%set x=[x]%}".repeat(10_000));
    let threads = std::thread::Builder::new().stack_size(8 << 20);
    let rendered = threads.spawn(move || jinja::render_any(&text)).unwrap().join().unwrap();
    assert!(rendered.unwrap().contains("[[[["));
}

#[test]
fn a_jump_out_of_a_block_is_an_error_before_it_loses_words() {
    let tokenizer = tokenizer();
    for block in ["generation", "filter upper", "set x", "with y = 1"] {
        let end = block.split(' ').next().unwrap();
        let text = format!("{{% for m in messages %}}{{% {block} %}}a{{% break %}}{{% end{end} %}}{{% endfor %}}b");
        let error = of_file(&text, &tokenizer).unwrap_err().to_string();
        assert!(error.contains("break leaves a"), "{error}");
    }
    // What the engine panics at is an error, too.
    assert_eq!(jinja::render_any("{% for m in messages %}{% break %}{% endfor %}b").unwrap(), "b");
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(
        parts in proptest::collection::vec(
            proptest::prop_oneof![
                "[ -~\n]{0,6}",
                proptest::sample::select(vec![
                    "{% generation %}", "{%- endgeneration -%}", "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "for m in messages",
                    "endfor", "if", "endif", "raw", "endraw", "set x = ", "m.content", "| trim", "| tojson", "\u{fdd0}", "'", "\"",
                    "messages[0]", ".split('a')", "loop", "macro f(a)", "endmacro", "é", "[1:]", "namespace()", "strftime_now('%Y')",
                ]).prop_map(str::to_owned),
            ],
            0..14,
        )
    ) {
        let _ = jinja::render_any(&parts.concat());
    }
}
