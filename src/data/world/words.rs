//! Words of a sentence in order, each with the forms that would be a mistake in its place.

/// Words in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Vec<Word>);

/// A word (or a fixed phrase).
#[derive(Debug, Clone)]
struct Word {
    text: String,
    /// What a learner might write instead and which no speaker accepts; an empty one leaves the word out.
    wrong: Vec<String>,
}

/// What a part of a sentence does in it, beside subject and verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What is bought, seen, given, had, liked, there.
    Object,
    /// Where, where to or where from.
    Place,
    /// Who gets or sees it.
    Recipient,
    /// With whom.
    Companion,
    /// By what vehicle.
    Means,
    /// What the subject is or how it is.
    Predicate,
    /// The second verb.
    Infinitive,
}

/// A clause in its parts, so that statements and questions order the same words differently.
#[derive(Debug)]
pub(super) struct Parts {
    /// The subject; in Estonian, the first part (`Maril`, `laual`).
    pub(super) subject: Words,
    /// The finite verb with its negation.
    pub(super) verb: Words,
    /// English: the auxiliary that stands before the subject in a question, and the verb that stays behind it.
    pub(super) asking: [String; 2],
    /// The other parts in their usual order.
    pub(super) rest: Vec<(Role, Words)>,
}

impl Words {
    /// A single word or phrase.
    pub(super) fn of(text: &str) -> Self {
        Self::default().and(text)
    }

    /// A word and its mistakes. Mistakes that equal the word are none.
    pub(super) fn or(text: &str, wrong: &[&str]) -> Self {
        let wrong = wrong.iter().filter(|&&wrong| wrong != text).map(|&wrong| wrong.to_owned()).collect();
        Self(vec![Word { text: text.to_owned(), wrong }])
    }

    /// With another word behind; nothing if it is empty.
    pub(super) fn and(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.0.push(Word { text: text.to_owned(), wrong: Vec::new() });
        }
        self
    }

    /// With other words behind.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same words, none of which can be mistaken.
    pub(super) fn without_mistakes(mut self) -> Self {
        self.0.iter_mut().for_each(|word| word.wrong.clear());
        self
    }

    /// With a mark right behind the last word.
    pub(super) fn mark(mut self, mark: &str) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.text.push_str(mark);
            last.wrong.clear();
        }
        self
    }

    /// The words with spaces between.
    pub(super) fn plain(&self) -> String {
        join(self.0.iter().map(|word| word.text.as_str()))
    }

    /// A sentence: the first letter large, and a mark at the end.
    pub(super) fn sentence(&self, mark: char) -> String {
        let mut text = capitalised(&self.plain());
        text.push(mark);
        text
    }

    /// Every sentence in which one word is a mistake.
    pub(super) fn mistakes(&self, mark: char) -> Vec<String> {
        let mut all = Vec::new();
        for (index, word) in self.0.iter().enumerate() {
            for wrong in &word.wrong {
                let words = self
                    .0
                    .iter()
                    .enumerate()
                    .map(|(other, word)| if other == index { wrong.as_str() } else { word.text.as_str() });
                let mut text = capitalised(&join(words));
                text.push(mark);
                all.push(text);
            }
        }
        all
    }
}

/// The words that are not empty, with spaces between.
fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The same with the first letter large.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
