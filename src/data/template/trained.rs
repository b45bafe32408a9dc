//! Which turns of a conversation are trained on.

use crate::data::{Role, Turn};
use crate::recipe::TrainOn;

/// The turns of a conversation that are trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Whether all that stands between the turns is trained on, too.
    pub all: bool,
    /// For each turn whether it is.
    pub turns: Vec<bool>,
}

impl Choice {
    /// What a recipe's `train_on` and the turns themselves ask for.
    ///
    /// An answer without words is trained on only with `all`: neither it nor its end says anything.
    pub fn of(turns: &[Turn], train_on: TrainOn) -> Self {
        let last = turns.iter().rposition(|turn| turn.role == Role::Assistant);
        let all = train_on == TrainOn::All;
        let trained = |(index, turn): (usize, &Turn)| {
            let answer = turn.role == Role::Assistant;
            let asked = match train_on {
                TrainOn::Assistant => answer,
                TrainOn::Last => Some(index) == last,
                TrainOn::All => true,
            };
            turn.trained.unwrap_or(asked) && (all || !answer || !turn.text.trim().is_empty())
        };
        Self { all, turns: turns.iter().enumerate().map(trained).collect() }
    }

    /// Whether a turn is trained on.
    pub fn has(&self, turn: usize) -> bool {
        self.turns.get(turn).copied().unwrap_or(false)
    }
}

/// The turns up to the assistant's last, or to a later one that says of itself that it is trained on; all of them where
/// there is neither.
pub(super) fn heard(turns: &[Turn]) -> &[Turn] {
    let counts = |turn: &Turn| turn.role == Role::Assistant || turn.trained == Some(true);
    let end = turns.iter().rposition(counts).map_or(turns.len(), |last| last + 1);
    turns.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(train_on: TrainOn, own: [Option<bool>; 5]) -> Vec<bool> {
        let roles = [Role::System, Role::User, Role::Assistant, Role::User, Role::Assistant];
        let turn = |(role, trained)| Turn { trained, ..Turn::new(role, "words") };
        let turns: Vec<Turn> = roles.into_iter().zip(own).map(turn).collect();
        Choice::of(&turns, train_on).turns
    }

    #[test]
    fn a_turn_is_heard_before_the_recipe() {
        let none = [None; 5];
        assert_eq!(chosen(TrainOn::Assistant, none), [false, false, true, false, true]);
        assert_eq!(chosen(TrainOn::Last, none), [false, false, false, false, true]);
        assert_eq!(chosen(TrainOn::All, none), [true; 5]);
        let own = [None, Some(true), Some(false), None, None];
        assert_eq!(chosen(TrainOn::Assistant, own), [false, true, false, false, true]);
        assert_eq!(chosen(TrainOn::Last, own), [false, true, false, false, true]);
        assert_eq!(chosen(TrainOn::All, own), [true, true, false, true, true]);
        let empty = [Turn::new(Role::Assistant, " ")];
        assert_eq!(Choice::of(&empty, TrainOn::Assistant).turns, [false]);
        assert_eq!(Choice::of(&empty, TrainOn::All).turns, [true]);
    }

    #[test]
    fn what_nobody_answers_is_not_heard() {
        let mut turns = vec![Turn::new(Role::Assistant, "a"), Turn::new(Role::User, "b"), Turn::new(Role::User, "c")];
        assert_eq!(heard(&turns).len(), 1);
        turns[1].trained = Some(true);
        assert_eq!(heard(&turns).len(), 2);
        assert_eq!(heard(&turns[2..]).len(), 1);
    }
}
