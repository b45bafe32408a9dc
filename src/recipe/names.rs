//! What models and adapters are called, in recipes, folders and tables.

use super::count::Count;
use super::study::{AdapterPlan, Foundation};

impl Foundation {
    /// The name as recipes write it: `base`, or `pretrain@1B`.
    ///
    /// ```
    /// use emakeel::recipe::Foundation;
    /// assert_eq!(Foundation::Base.label(), "base");
    /// assert_eq!(Foundation::Snapshot(1_000_000_000).label(), "pretrain@1B");
    /// ```
    pub fn label(self) -> String {
        match self {
            Self::Base => "base".to_owned(),
            Self::Snapshot(tokens) => format!("pretrain@{}", Count(tokens).label()),
        }
    }

    /// The name of an adapter on it: that of the recipe's entry, and the model's where the entry has several.
    pub(crate) fn adapter_name(self, entry: &str, one_of_several: bool) -> String {
        if one_of_several { format!("{entry}@{}", self.label()) } else { entry.to_owned() }
    }
}

impl AdapterPlan {
    /// The key in the recipe's `adapters` that it comes from.
    pub fn entry(&self) -> &str {
        self.name.split_once('@').map_or(self.name.as_str(), |(entry, _)| entry)
    }
}
