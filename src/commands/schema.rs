//! `emakeel schema`: the JSON Schema of recipes.

use crate::commands::output;
use crate::error::Result;
use crate::recipe;

/// Prints the schema; editors complete and check recipes with it.
pub fn run() -> Result<()> {
    output::print_json(&recipe::schema())
}
