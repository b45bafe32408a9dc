//! Who said what, before any template or tokenizer sees it.

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sets the scene.
    System,
    /// Asks.
    User,
    /// Answers; the only one whose words are trained on unless the row says otherwise.
    Assistant,
    /// What a tool gave back to the assistant.
    Tool,
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who says it.
    pub role: Role,
    /// The words.
    pub text: String,
    /// What the words are about (Alpaca's `input`); empty if nothing.
    pub input: String,
    /// Whether it is trained on, where the row says so itself; `None` leaves it to the recipe's `train_on`.
    pub trained: Option<bool>,
}

impl Turn {
    /// A turn without an input.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), input: String::new(), trained: None }
    }

    /// A user's turn with an input; an empty input is none.
    pub fn with_input(text: impl Into<String>, input: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into(), input: input.into(), trained: None }
    }
}

/// Turns in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// The turns.
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// A question that waits for its answer: what a prompt is made from.
    pub fn question(instruction: impl Into<String>, input: impl Into<String>) -> Self {
        Self { turns: vec![Turn::with_input(instruction, input)] }
    }

    /// The same conversation with the assistant's answer after it.
    #[must_use]
    pub fn answered(mut self, answer: impl Into<String>) -> Self {
        self.turns.push(Turn::new(Role::Assistant, answer));
        self
    }
}
