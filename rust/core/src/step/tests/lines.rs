//! Programs as people write them in tests, one value a line:
//!
//! ```text
//! program leaky
//! sizes hidden=4 input=3
//! input x input            (`id x` for an id)
//! state h hidden
//! param w hidden input
//! memory m 0 input         (entries axis 0)
//! a = matmul w x
//! b = mul h 0.5            (a number is a constant)
//! c = add a b
//! d = slice c start=0 stop=2
//! e = reshape c shape=2,2
//! output y = d
//! next h = c
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use crate::step::{Attrs, Builder, Dim, Equations, NodeId, Program, Shape, Source, Value, rows};

/// The texts of `programs/`, by name: cells of every kind that the planner knows.
pub(crate) fn programs() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/step/tests/programs");
    let mut found: Vec<(String, String)> = (fs::read_dir(folder).expect("a folder of programs"))
        .map(|entry| entry.expect("a file").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a text"))
        })
        .collect();
    found.sort();
    found
}

/// The program of a text. Panics with the line that is wrong.
pub(crate) fn program(text: &str) -> Program {
    let mut reader = Reader::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        reader.line(line).unwrap_or_else(|why| panic!("{line:?}: {why}"));
    }
    let Reader { builder, outputs, updates, .. } = reader;
    let program = builder.expect("no `program` line").finish(&outputs, &updates).expect("a whole program");
    let again = Program::from_json(&program.to_json()).expect("a canonical text");
    assert_eq!(again, program, "{} changes where its text is read", program.name);
    program
}

#[derive(Default)]
struct Reader {
    name: String,
    builder: Option<Builder>,
    values: HashMap<String, NodeId>,
    outputs: Vec<(String, NodeId)>,
    updates: Vec<(String, NodeId)>,
}

type Read<T> = Result<T, String>;

impl Reader {
    fn line(&mut self, line: &str) -> Read<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["program", name] => self.name = name.to_string(),
            ["sizes", ref sizes @ ..] => {
                let size = |text: &&str| -> Read<(String, usize)> {
                    let (name, value) = text.split_once('=').ok_or("expected name=size")?;
                    Ok((name.to_string(), value.parse().map_err(|_| "expected a size")?))
                };
                let sizes = sizes.iter().map(size).collect::<Read<BTreeMap<_, _>>>()?;
                self.builder = Some(Builder::new(&self.name, sizes));
            }
            ["id", name] => self.source(Source::Index, name, &[])?,
            ["input", name, ref shape @ ..] => self.source(Source::Input, name, shape)?,
            ["state", name, ref shape @ ..] => self.source(Source::State, name, shape)?,
            ["param", name, ref shape @ ..] => self.source(Source::Param, name, shape)?,
            ["memory", name, axis, ref shape @ ..] => {
                let (shape, axis) =
                    (self.shape(shape.iter().copied())?, axis.parse().map_err(|_| "no axis")?);
                let id = self.builder()?.memory(name, shape, axis).map_err(|error| error.to_string())?;
                self.values.insert(name.to_string(), id);
            }
            ["output", name, "=", value] => {
                let value = self.value(value)?;
                self.outputs.push((name.to_string(), value));
            }
            ["next", name, "=", value] => {
                let value = self.value(value)?;
                self.updates.push((name.to_string(), value));
            }
            [name, "=", op, ref rest @ ..] => self.op(name, op, rest)?,
            _ => return Err("no such form of a line".into()),
        }
        Ok(())
    }

    fn builder(&mut self) -> Read<&mut Builder> {
        self.builder.as_mut().ok_or_else(|| "the line `sizes` comes first".to_string())
    }

    fn source(&mut self, kind: Source, name: &str, shape: &[&str]) -> Read<()> {
        let shape = self.shape(shape.iter().copied())?;
        let id = self.builder()?.source(kind, name, shape).map_err(|error| error.to_string())?;
        self.values.insert(name.to_string(), id);
        Ok(())
    }

    fn shape<'a>(&mut self, dims: impl Iterator<Item = &'a str>) -> Read<Shape> {
        let sizes = self.builder()?.sizes.clone();
        dims.map(|dim| Dim::parse(dim, &sizes).map_err(|error| error.to_string())).collect()
    }

    /// A value by its name, or the constant that a number is.
    fn value(&mut self, text: &str) -> Read<NodeId> {
        if let Some(&id) = self.values.get(text) {
            return Ok(id);
        }
        let number: f64 = text.parse().map_err(|_| format!("{text} is no value"))?;
        Ok(self.builder()?.constant(number))
    }

    fn op(&mut self, name: &str, op: &str, rest: &[&str]) -> Read<()> {
        let op = rows::find(op).ok_or("no such op")?;
        let (mut args, mut attrs) = (Vec::new(), Vec::new());
        for word in rest {
            match word.split_once('=') {
                None => args.push(self.value(word)?),
                Some(("shape", dims)) => {
                    let dims = dims.split(',').filter(|dim| !dim.is_empty());
                    attrs.push(("shape", Value::Shape(self.shape(dims)?)));
                }
                Some((key, number)) => {
                    let known = rows::row(op).attrs.iter().find(|(known, _)| *known == key);
                    let key = known.ok_or_else(|| format!("no attribute {key}"))?.0;
                    let number = number.parse().map_err(|_| format!("{number} is no number"))?;
                    attrs.push((key, Value::Number(number)));
                }
            }
        }
        let builder = self.builder()?;
        let id = builder.add(op, &args, Attrs(attrs)).map_err(|error| error.to_string())?;
        builder.label(id, name);
        self.values.insert(name.to_string(), id);
        Ok(())
    }
}
