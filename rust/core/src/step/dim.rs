//! A dimension: a number with its expression in terms of the sizes (`2*hidden + 1`).

use std::collections::BTreeMap;

use super::{Result, StepError};

/// The largest dimension of a feature; keeps every product of two dimensions far from overflow.
const LIMIT: usize = 1 << 31;

/// A feature dimension: its value and, if it is linear in the sizes, its text. Two dims are equal if their values are: the
/// text is for messages.
#[derive(Debug, Clone)]
pub struct Dim {
    pub value: usize,
    terms: BTreeMap<String, i64>,
    constant: i64,
}

/// Shape of the feature of one row: rank 0 (a number), 1 (a vector) or 2 (a matrix, or heads).
pub type Shape = Vec<Dim>;

/// Number of elements of a feature shape that a builder has accepted.
pub fn numel(shape: &[Dim]) -> usize {
    shape.iter().map(|d| d.value).product()
}

/// `(2*hidden, input)`, followed by the values if they differ: `(2*hidden = 256, input = 64)`.
pub fn shape_text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape
        .iter()
        .map(|d| {
            let text = d.to_string();
            if d.terms.is_empty() { text } else { format!("{text} = {}", d.value) }
        })
        .collect();
    format!("({})", dims.join(", "))
}

impl PartialEq for Dim {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Dim {}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.terms.is_empty() {
            return write!(f, "{}", self.constant);
        }
        let mut parts = Vec::new();
        for (name, &factor) in &self.terms {
            parts.push(match factor {
                1 => name.clone(),
                -1 => format!("-{name}"),
                _ => format!("{factor}*{name}"),
            });
        }
        if self.constant != 0 {
            parts.push(self.constant.to_string());
        }
        write!(f, "{}", parts.join("+").replace("+-", "-"))
    }
}

impl Dim {
    pub fn number(value: usize) -> Dim {
        Dim { value, terms: BTreeMap::new(), constant: value as i64 }
    }

    /// Sum of two dims, with its text.
    pub fn plus(&self, other: &Dim) -> Dim {
        let mut terms = self.terms.clone();
        for (name, factor) in &other.terms {
            *terms.entry(name.clone()).or_insert(0) += factor;
        }
        terms.retain(|_, factor| *factor != 0);
        Dim { value: self.value + other.value, terms, constant: self.constant + other.constant }
    }

    /// A dim of `value` that is a part of this one: a fraction with integer terms keeps its text, anything else is a number.
    pub fn part(&self, value: usize) -> Dim {
        if value == self.value {
            return self.clone();
        }
        // value / self.value of each term, if it is an integer for all of them
        let scaled = |factor: i64| {
            let product = i128::from(factor) * value as i128;
            let whole = self.value as i128;
            (whole != 0 && product % whole == 0).then(|| (product / whole) as i64)
        };
        let terms: Option<BTreeMap<String, i64>> =
            (self.terms.iter()).map(|(name, &factor)| Some((name.clone(), scaled(factor)?))).collect();
        match (terms, scaled(self.constant)) {
            (Some(terms), Some(constant)) if !terms.is_empty() => Dim { value, terms, constant },
            _ => Dim::number(value),
        }
    }

    /// Reads `hidden`, `2*hidden`, `2*hidden+1`, `hidden-1` or `7`.
    pub fn parse(text: &str, sizes: &BTreeMap<String, usize>) -> Result<Dim> {
        let bad = |why: &str| {
            StepError::Shape(format!("dimension {text:?}: {why}; expected a form such as 2*hidden+1"))
        };
        let mut terms: BTreeMap<String, i64> = BTreeMap::new();
        let mut constant = 0i64;
        let spaced = text.replace(' ', "").replace('-', "+-");
        for part in spaced.split('+').filter(|part| !part.is_empty()) {
            let (sign, part) = part.strip_prefix('-').map_or((1, part), |rest| (-1, rest));
            let (factor, name) = match part.split_once('*') {
                Some((_, "")) => return Err(bad("a size is missing after *")),
                Some((factor, name)) => {
                    (factor.parse::<i64>().map_err(|_| bad("a factor is not an integer"))?, name)
                }
                None if part.starts_with(|c: char| c.is_ascii_digit()) => {
                    (part.parse::<i64>().map_err(|_| bad("not an integer"))?, "")
                }
                None => (1, part),
            };
            if factor.unsigned_abs() > LIMIT as u64 {
                return Err(bad("too large"));
            }
            if name.is_empty() {
                constant += sign * factor;
            } else if sizes.contains_key(name) {
                *terms.entry(name.to_string()).or_insert(0) += sign * factor;
            } else {
                let known: Vec<&str> = sizes.keys().map(String::as_str).collect();
                return Err(bad(&format!("unknown size {name:?} (known: {})", known.join(", "))));
            }
        }
        terms.retain(|_, factor| *factor != 0);
        let total = terms.iter().try_fold(i128::from(constant), |sum, (name, &factor)| {
            sum.checked_add(i128::from(factor).checked_mul(sizes[name] as i128)?)
        });
        match total {
            Some(value) if (0..=LIMIT as i128).contains(&value) => {
                Ok(Dim { value: value as usize, terms, constant })
            }
            _ => Err(bad("its value is negative or too large")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> BTreeMap<String, usize> {
        BTreeMap::from([("hidden".to_string(), 16), ("input".to_string(), 5)])
    }

    #[test]
    fn a_dim_reads_back_as_it_was_written() {
        for (text, value) in
            [("hidden", 16), ("2*hidden", 32), ("2*hidden+1", 33), ("7", 7), ("hidden-1", 15)]
        {
            let dim = Dim::parse(text, &sizes()).unwrap();
            assert_eq!((dim.value, dim.to_string().as_str()), (value, text));
        }
        assert_eq!(Dim::parse("hidden+input", &sizes()).unwrap().value, 21);
    }

    #[test]
    fn parts_and_sums_keep_their_text() {
        let gates = Dim::parse("4*hidden", &sizes()).unwrap();
        let gate = gates.part(16);
        assert_eq!(gate.to_string(), "hidden");
        assert_eq!(gate.plus(&gate).to_string(), "2*hidden");
        assert_eq!(gates.part(48).to_string(), "3*hidden");
        assert_eq!(gates.part(10).to_string(), "10");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["hiden", "2*", "-3", "hidden*hidden", "99999999999", "1e3", "2*hidden*3"] {
            assert!(Dim::parse(text, &sizes()).is_err(), "{text}");
        }
    }
}
