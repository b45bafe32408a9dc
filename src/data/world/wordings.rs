//! How instructions are worded. The first wording of each task is the one that tests use.

mod finnish;

use super::{Language, Question};

/// What an instruction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Answer a question about a passage.
    Answer,
    /// Choose the likelier cause.
    Cause,
    /// Choose the likelier effect.
    Effect,
    /// Correct a sentence.
    Correct,
    /// Put a sentence into the past.
    Past,
    /// Put a sentence into the present.
    Present,
    /// Deny a sentence.
    Deny,
    /// Say a sentence again.
    Repeat,
    /// Make a question of a sentence.
    Question,
    /// Say whether a statement is true of a passage.
    Truth,
    /// Count the words of a list.
    Count,
    /// Continue a passage.
    Continue,
    /// Put a word into the plural.
    Plural,
    /// Put an Estonian or Finnish word into the genitive.
    Genitive,
    /// Put an Estonian or Finnish word into the partitive.
    Partitive,
    /// Put a Finnish word into the partitive plural.
    PartitivePlural,
    /// Put an Estonian word into the comitative.
    Comitative,
    /// Put a verb into the past.
    PastVerb,
    /// Give the Estonian da-infinitive of a ma-infinitive, or the Finnish verb that a MA-infinitive is of.
    DaInfinitive,
}

impl From<Question> for Task {
    fn from(question: Question) -> Self {
        match question {
            Question::Cause => Self::Cause,
            Question::Effect => Self::Effect,
        }
    }
}

/// The wordings of a task.
pub(super) fn wordings(task: Task, language: Language) -> &'static [&'static str] {
    match language {
        Language::English => english(task),
        Language::Estonian => estonian(task),
        Language::Finnish => finnish::wordings(task),
    }
}

fn english(task: Task) -> &'static [&'static str] {
    match task {
        Task::Answer => &[
            "Answer the question about the text.",
            "Read the text and answer the question.",
            "Find the answer to the question in the text.",
        ],
        Task::Cause => &[
            "Choose the more likely cause.",
            "Which of the two is the cause? Answer with the sentence.",
            "Why was it so? Choose one sentence.",
        ],
        Task::Effect => &[
            "Choose the more likely effect.",
            "Which of the two is the effect? Answer with the sentence.",
            "What happened next? Choose one sentence.",
        ],
        Task::Correct => &[
            "Correct the sentence.",
            "If there is a mistake in the sentence, correct it.",
            "Write the sentence correctly.",
        ],
        Task::Past => &["Put the sentence into the past.", "Write the sentence in the past tense."],
        Task::Present => &["Put the sentence into the present.", "Write the sentence in the present tense."],
        Task::Deny => &["Make the sentence negative.", "Say that it is not so."],
        Task::Repeat => &["Repeat the sentence.", "Write the same sentence again."],
        Task::Question => &["Make a question of the sentence.", "Ask whether it is so."],
        Task::Truth => &["Is the statement true according to the text? Answer yes or no."],
        Task::Count => &["How many words are in the list?", "Count the words."],
        Task::Continue => &["Continue the text.", "How does the text go on?"],
        Task::Plural => &["Write it in the plural.", "Put it into the plural."],
        Task::PastVerb => &["Write the verb in the past tense.", "Put the verb into the past."],
        Task::Genitive | Task::Partitive | Task::PartitivePlural | Task::Comitative | Task::DaInfinitive => &[],
    }
}

fn estonian(task: Task) -> &'static [&'static str] {
    match task {
        Task::Answer => {
            &["Vasta küsimusele teksti põhjal.", "Loe teksti ja vasta küsimusele.", "Leia tekstist küsimuse vastus."]
        }
        Task::Cause => {
            &["Vali tõenäolisem põhjus.", "Kumb lause on põhjus? Vasta lausega.", "Miks see nii oli? Vali üks lause."]
        }
        Task::Effect => &[
            "Vali tõenäolisem tagajärg.",
            "Kumb lause on tagajärg? Vasta lausega.",
            "Mis juhtus pärast seda? Vali üks lause.",
        ],
        Task::Correct => &["Paranda lause.", "Kui lauses on viga, paranda see.", "Kirjuta lause õigesti."],
        Task::Past => &["Pane lause minevikku.", "Kirjuta lause minevikus."],
        Task::Present => &["Pane lause olevikku.", "Kirjuta lause olevikus."],
        Task::Deny => &["Pane lause eitavasse kõnesse.", "Ütle, et see ei ole nii."],
        Task::Repeat => &["Korda lauset.", "Kirjuta sama lause uuesti."],
        Task::Question => &["Tee lausest küsimus.", "Küsi, kas see on nii."],
        Task::Truth => &["Kas väide on teksti järgi õige? Vasta jah või ei."],
        Task::Count => &["Mitu sõna on loetelus?", "Loe sõnad kokku."],
        Task::Continue => &["Jätka teksti.", "Kuidas tekst edasi läheb?"],
        Task::Plural => &["Kirjuta mitmuses.", "Pane see mitmusesse."],
        Task::Genitive => &["Kirjuta omastavas käändes.", "Pane see omastavasse käändesse."],
        Task::Comitative => &["Kirjuta kaasaütlevas käändes.", "Pane see kaasaütlevasse käändesse."],
        Task::PastVerb => &["Kirjuta tegusõna minevikus.", "Pane tegusõna minevikku."],
        Task::DaInfinitive => &["Kirjuta da-tegevusnimi.", "Mis on selle sõna da-tegevusnimi?"],
        Task::Partitive => &["Kirjuta osastavas käändes.", "Pane see osastavasse käändesse."],
        Task::PartitivePlural => &[],
    }
}

/// The passage and the question as one input.
pub(super) fn passage_and_question(language: Language, passage: &str, question: &str) -> String {
    match language {
        Language::English => format!("{passage}\nQuestion: {question}"),
        Language::Estonian => format!("{passage}\nKüsimus: {question}"),
        Language::Finnish => format!("{passage}\nKysymys: {question}"),
    }
}

/// The passage and a statement as one input.
pub(super) fn passage_and_statement(language: Language, passage: &str, statement: &str) -> String {
    match language {
        Language::English => format!("{passage}\nStatement: {statement}"),
        Language::Estonian | Language::Finnish => format!("{passage}\nVäide: {statement}"),
    }
}

/// The premise and the two choices as one input.
pub(super) fn premise_and_choices(premise: &str, choices: &[String; 2]) -> String {
    format!("{premise}\n- {}\n- {}", choices[0], choices[1])
}

/// What can be listed: the request (with `{}` for a number word) in each language.
pub(super) const LISTINGS: [[&str; 3]; 5] = [
    ["Name {} animals.", "Nimeta {} looma.", "Nimeä {} eläintä."],
    ["Name {} colours.", "Nimeta {} värvi.", "Nimeä {} väriä."],
    ["Name {} jobs.", "Nimeta {} ametit.", "Nimeä {} ammattia."],
    ["Name {} drinks.", "Nimeta {} jooki.", "Nimeä {} juomaa."],
    ["Name {} things to eat.", "Nimeta {} toitu.", "Nimeä {} ruokaa."],
];
