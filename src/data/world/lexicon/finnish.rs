//! The Finnish forms of nouns and verbs.

pub(super) mod nouns;
pub(super) mod verbs;

/// The forms of a noun.
#[derive(Debug)]
pub(in super::super) struct FinnishNoun {
    /// Nominative, genitive and partitive singular.
    pub(in super::super) singular: [&'static str; 3],
    /// Nominative and partitive plural; none of what is not counted.
    pub(in super::super) plural: Option<[&'static str; 2]>,
    /// As what somebody likes: elative plural, or singular of what is not counted; none of what nobody likes.
    pub(in super::super) liked: Option<&'static str>,
    /// As somebody's own: `his` one, nominative and genitive alike; none of what nobody owns.
    pub(in super::super) own: Option<&'static str>,
    /// As what somebody travels by: adessive singular; none of what is no vehicle.
    pub(in super::super) by: Option<&'static str>,
}

/// The forms of a verb.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct FinnishVerb {
    /// A-infinitive, and illative of the MA-infinitive.
    pub(in super::super) infinitives: [&'static str; 2],
    /// Present: first, second and third person singular, first and third person plural.
    pub(in super::super) present: [&'static str; 5],
    /// Past, in the same order.
    pub(in super::super) past: [&'static str; 5],
    /// What follows the verb of negation: in the present, and in the past of one and of several.
    pub(in super::super) negative: [&'static str; 3],
    /// Doing it, as what somebody likes (elative); none of what nobody likes to do.
    pub(in super::super) liked: Option<&'static str>,
}
