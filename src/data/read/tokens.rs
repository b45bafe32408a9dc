//! Rows that are tokenized already.

use super::Row;
use super::row::Fields;
use super::value::Value;
use crate::error::{Error, Result};

/// The label of a token that is not trained on, as PyTorch's cross-entropy has it.
const IGNORED: i64 = -100;

const LABELS: usize = 1;
const MASKS: [usize; 3] = [2, 3, 4];
const ATTENTION: usize = 5;

/// The ids of a row and which of them are trained on: all but the first, or those that `labels` or a mask name.
///
/// The first token of a row is never a target, since nothing stands before it. Tokens whose `attention_mask` is 0 fill
/// rows up to one length and are left out.
///
/// # Errors
/// A list is no list of whole numbers, has another length than the ids, or says something else than another.
pub(super) fn row(fields: &mut Fields<'_>) -> Result<Row> {
    let ids = fields.required(0)?;
    let ids = numbers(ids, fields, 0)?;
    let mut trained = vec![true; ids.len()];
    let mut said: Option<usize> = None;
    if let Some(labels) = list(fields, LABELS, ids.len())? {
        for (at, ((label, id), trained)) in labels.iter().zip(&ids).zip(&mut trained).enumerate() {
            *trained = *label != IGNORED;
            if *trained && label != id {
                return Err(Error::new(format!("label {at} of the field `{}`", fields.name(LABELS)))
                    .got(label)
                    .expected(format!("{IGNORED} or the id in the same place, {id}"))
                    .hint("labels are not shifted: label n is token n where it is trained on"));
            }
        }
        said = Some(LABELS);
    }
    for slot in MASKS {
        let Some(mask) = list(fields, slot, ids.len())? else { continue };
        let mask = zeros_and_ones(&mask, fields, slot)?;
        if let Some(other) = said
            && mask != trained
        {
            let (one, other) = (fields.name(other), fields.name(slot));
            return Err(Error::new(format!("the fields `{one}` and `{other}` say different things")));
        }
        trained = mask;
        said = Some(slot);
    }
    let kept = match list(fields, ATTENTION, ids.len())? {
        Some(mask) => zeros_and_ones(&mask, fields, ATTENTION)?,
        None => vec![true; ids.len()],
    };
    let ids = ids
        .into_iter()
        .map(|id| u32::try_from(id).map_err(|_| Error::new("a token id").got(id).expected("a whole number from 0")));
    let tokens: Vec<(u32, bool)> = ids
        .zip(trained)
        .zip(kept)
        .filter(|(_, kept)| *kept)
        .map(|((id, trained), _)| Ok((id?, trained)))
        .collect::<Result<_>>()?;
    let (ids, mut trained): (Vec<u32>, Vec<bool>) = tokens.into_iter().unzip();
    if let Some(first) = trained.first_mut() {
        *first = false;
    }
    Ok(Row::Tokens { ids, trained })
}

/// Takes a list that may not be there and must be as long as the ids.
fn list(fields: &mut Fields<'_>, slot: usize, length: usize) -> Result<Option<Vec<i64>>> {
    let Some(value) = fields.take(slot) else { return Ok(None) };
    let numbers = numbers(value, fields, slot)?;
    if numbers.len() != length {
        return Err(Error::new(format!("the length of the field `{}`", fields.name(slot)))
            .got(numbers.len())
            .expected(format!("{length}, that of `{}`", fields.name(0))));
    }
    Ok(Some(numbers))
}

/// A list of whole numbers, of true and false, or such a list as JSON in a text.
fn numbers(value: Value, fields: &Fields<'_>, slot: usize) -> Result<Vec<i64>> {
    let value = match value {
        Value::Text(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(&text).unwrap_or(Value::Text(text))
        }
        other => other,
    };
    let Value::List(items) = value else { return Err(fields.wrong(slot, &value, "a list of whole numbers")) };
    let number = |(at, item): (usize, &Value)| match item {
        Value::Whole(number) => Ok(*number),
        Value::Bool(bool) => Ok(i64::from(*bool)),
        other => Err(Error::new(format!("item {at} of the field `{}`", fields.name(slot)))
            .got(other.kind())
            .expected("a whole number")),
    };
    items.iter().enumerate().map(number).collect()
}

fn zeros_and_ones(mask: &[i64], fields: &Fields<'_>, slot: usize) -> Result<Vec<bool>> {
    let bit = |(at, number): (usize, &i64)| match number {
        0 => Ok(false),
        1 => Ok(true),
        other => {
            Err(Error::new(format!("item {at} of the field `{}`", fields.name(slot))).got(other).expected("0 or 1"))
        }
    };
    mask.iter().enumerate().map(bit).collect()
}
