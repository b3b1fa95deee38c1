//! Parses the header. Each position allows only one kind of value, so nothing nests and nothing unknown is skipped.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{StoreError, refuse};
use super::header::{Entry, FORMAT, FORMAT_VERSION, Header, MAX_RANK, MAX_TENSORS, METADATA};
use super::header::{OUR_FORMAT, OUR_VERSION, SHA256};
use super::model::DType;

const NOT_OURS: &str = "this is not a model saved by ostinato; to take the weights of another program's safetensors \
                        file, make the same network in Python: net.load_state_dict(ostinato.io.read_tensors(path))";

/// The header in `text` and the digest in it. The caller checks whether it is canonical.
pub(super) fn parse(text: &str) -> Result<(Header, String), StoreError> {
    let mut raw = Raw::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = json.deserialize_map(&mut raw).and_then(|()| json.end());
    // Before any other error: a newer format may look different there.
    let digest = raw.metadata.as_mut().map(take_identity).transpose()?;
    if let Err(error) = parsed {
        return refuse(format!("the header is broken: {error}. Restore the file from a copy"));
    }
    let (Some(metadata), Some(digest)) = (raw.metadata, digest) else {
        return refuse(format!("the header is empty: {NOT_OURS}"));
    };
    let header = Header { metadata, entries: raw.entries };
    header.check()?;
    Ok((header, digest))
}

/// Checks the format's own metadata and removes it; returns the digest.
fn take_identity(metadata: &mut BTreeMap<String, String>) -> Result<String, StoreError> {
    match metadata.remove(FORMAT).as_deref() {
        Some(OUR_FORMAT) => {}
        Some(other) => {
            return refuse(format!("format is {other:?}, expected {OUR_FORMAT:?}: {NOT_OURS}"));
        }
        None => return refuse(format!("the metadata has no {FORMAT:?}: {NOT_OURS}")),
    }
    match metadata.remove(FORMAT_VERSION).as_deref() {
        Some(OUR_VERSION) => {}
        Some(newer) if newer.parse::<u64>().is_ok_and(|version| version > 1) => {
            return refuse(format!(
                "written by a newer ostinato: {FORMAT_VERSION} is {newer:?}, this one reads {OUR_VERSION:?}. \
                 Upgrade ostinato to read it"
            ));
        }
        got => {
            let got = got.unwrap_or("missing");
            return refuse(format!(
                "{FORMAT_VERSION} is {got:?}, expected {OUR_VERSION:?}. The file is damaged"
            ));
        }
    }
    let is_digest =
        |text: &String| text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    match metadata.remove(SHA256) {
        Some(digest) if is_digest(&digest) => Ok(digest),
        got => {
            let got = got.as_deref().unwrap_or("missing");
            refuse(format!("{SHA256} is {got:?}, expected 64 lower-case hex digits. The file is damaged"))
        }
    }
}

/// The part read so far; outside the parser so that an error does not lose it.
#[derive(Default)]
struct Raw {
    metadata: Option<BTreeMap<String, String>>,
    entries: Vec<Entry>,
    /// The end of the bytes of the last entry.
    end: usize,
}

impl<'de> Visitor<'de> for &mut Raw {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_key::<String>()? {
            None => return Ok(()),
            Some(key) if key == METADATA => self.metadata = Some(map.next_value_seed(Metadata)?),
            Some(key) => {
                return Err(A::Error::custom(format!(
                    "it begins with {key:?}, expected {METADATA:?}: {NOT_OURS}"
                )));
            }
        }
        while let Some(name) = map.next_key::<String>()? {
            if self.entries.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
            let entry = map.next_value_seed(EntryAt { name, start: self.end })?;
            self.end += entry.length;
            self.entries.push(entry);
        }
        Ok(())
    }
}

/// An object of texts without repeated keys.
struct Metadata;

impl<'de> DeserializeSeed<'de> for Metadata {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if metadata.contains_key(&key) {
                return Err(A::Error::custom(format!("metadata key {key:?} occurs twice")));
            }
            // The keys of the format are in addition to the model's own.
            if metadata.len() == MAX_TENSORS + 3 {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} metadata keys")));
            }
            metadata.insert(key, value);
        }
        Ok(metadata)
    }
}

/// The entry called `name`, whose bytes must start at `start`.
struct EntryAt {
    name: String,
    start: usize,
}

impl<'de> DeserializeSeed<'de> for EntryAt {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Entry, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntryAt {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object that describes tensor {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let EntryAt { name, start } = self;
        // In the canonical form, the fields have this order.
        field(&mut map, &name, "dtype")?;
        let text: String = map.next_value()?;
        let Some(dtype) = DType::ALL.into_iter().find(|dtype| dtype.name() == text) else {
            let wanted = DType::ALL.map(DType::name).join(", ");
            return Err(A::Error::custom(format!(
                "tensor {name:?}: dtype is {text:?}, expected one of {wanted}"
            )));
        };
        field(&mut map, &name, "shape")?;
        let shape = map.next_value_seed(Shape)?;
        field(&mut map, &name, "data_offsets")?;
        let (got, end): (usize, usize) = map.next_value()?;
        if got != start || end < start {
            return Err(A::Error::custom(format!(
                "tensor {name:?}: its bytes are [{got}, {end}]; expected them to begin at {start}, \
                 where those of the tensor before end, and to end no earlier"
            )));
        }
        if let Some(key) = map.next_key::<String>()? {
            return Err(A::Error::custom(format!("tensor {name:?}: got {key:?}, expected nothing more")));
        }
        Ok(Entry { name, dtype, shape, length: end - start })
    }
}

/// Reads the key of the next field.
fn field<'de, A: MapAccess<'de>>(map: &mut A, tensor: &str, expected: &str) -> Result<(), A::Error> {
    match map.next_key::<String>()? {
        Some(key) if key == expected => Ok(()),
        Some(key) => Err(A::Error::custom(format!("tensor {tensor:?}: got {key:?}, expected {expected:?}"))),
        None => Err(A::Error::custom(format!("tensor {tensor:?} has no {expected:?}"))),
    }
}

/// A list of dimensions.
struct Shape;

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = Vec<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = Vec<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut shape = Vec::new();
        while let Some(dimension) = list.next_element()? {
            if shape.len() == MAX_RANK {
                return Err(A::Error::custom(format!("a shape of more than {MAX_RANK} dimensions")));
            }
            shape.push(dimension);
        }
        Ok(shape)
    }
}
