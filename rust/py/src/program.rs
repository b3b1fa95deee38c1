//! Programs and their builder.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ostinato_core::adjoint::forward_mode;
use ostinato_core::plan::LayerPlan;
use ostinato_core::step::{Attrs, Builder, Dim, Equations, Program, Shape, Source, Value, rows};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arrays::text;
use crate::errors::{ConfigError, Raised, ShapeError, entry};

/// Name, shape.
type Port = (String, Vec<usize>);

#[pyclass(name = "Program", module = "ostinato._core", frozen)]
pub struct PyProgram {
    pub inner: Program,
    /// Made when the program is first used as a loss.
    plan: OnceLock<LayerPlan>,
}

impl From<Program> for PyProgram {
    fn from(inner: Program) -> PyProgram {
        PyProgram { inner, plan: OnceLock::new() }
    }
}

impl PyProgram {
    /// The program's plan as a loss, made once.
    pub fn plan(&self) -> Result<&LayerPlan, Raised> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let plan = LayerPlan::of_loss(&self.inner)?;
        Ok(self.plan.get_or_init(|| plan))
    }

    fn ports(&self, ids: &[usize]) -> Vec<Port> {
        ids.iter().map(|&id| (self.inner.label(id).to_string(), sizes(&self.inner.nodes[id].shape))).collect()
    }
}

fn sizes(shape: &[Dim]) -> Vec<usize> {
    shape.iter().map(|dim| dim.value).collect()
}

#[pymethods]
impl PyProgram {
    #[new]
    fn new(text: &str) -> PyResult<PyProgram> {
        entry(|| Ok(Program::from_json(text)?.into()))
    }

    /// The arguments of `new` for a pickle or a copy.
    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyString>,)> {
        entry(|| Ok((text(py, &self.inner.to_json())?,)))
    }

    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        entry(|| text(py, &self.inner.to_json()))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    #[getter]
    fn hash(&self) -> String {
        self.inner.hash()
    }

    #[getter]
    fn sizes(&self) -> BTreeMap<String, usize> {
        self.inner.sizes.clone()
    }

    #[getter]
    fn inputs(&self) -> Vec<(String, Vec<usize>, bool)> {
        let ids = &self.inner.inputs;
        (self.ports(ids).into_iter().zip(ids))
            .map(|((name, shape), &id)| (name, shape, self.inner.nodes[id].is_index))
            .collect()
    }

    #[getter]
    fn states(&self) -> Vec<Port> {
        self.ports(self.inner.row_states())
    }

    #[getter]
    fn params(&self) -> Vec<Port> {
        self.ports(&self.inner.params)
    }

    #[getter]
    fn entry_states(&self) -> Vec<Port> {
        self.ports(&self.inner.states[self.inner.row_states().len()..])
    }

    #[getter]
    fn memories(&self) -> Vec<Port> {
        self.ports(&self.inner.memories)
    }

    #[getter]
    fn outputs(&self) -> Vec<Port> {
        (self.inner.outputs.iter())
            .map(|(name, id)| (name.clone(), sizes(&self.inner.nodes[*id].shape)))
            .collect()
    }

    #[getter]
    fn calls(&self) -> bool {
        self.inner.calls()
    }

    fn tangent(&self) -> PyResult<PyProgram> {
        entry(|| Ok(forward_mode(&self.inner)?.into()))
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        entry(|| text(py, &self.inner.to_string()))
    }

    fn __repr__(&self) -> String {
        format!("<Program {} {}>", self.inner.name, &self.inner.hash()[..12])
    }

    fn __eq__(&self, other: &PyProgram) -> bool {
        self.inner == other.inner
    }

    fn __hash__(&self) -> u64 {
        u64::from_str_radix(&self.inner.hash()[..16], 16).unwrap_or(0)
    }
}

#[derive(FromPyObject)]
enum AttrValue {
    Number(f64),
    Shape(Vec<String>),
}

#[pyclass(name = "ProgramBuilder", module = "ostinato._core", frozen)]
pub struct PyProgramBuilder {
    inner: Mutex<Option<Builder>>,
}

impl PyProgramBuilder {
    fn with<R>(&self, act: impl FnOnce(&mut Builder) -> Result<R, Raised>) -> PyResult<R> {
        entry(|| match self.lock().as_mut() {
            Some(builder) => act(builder),
            None => Err(ConfigError::new_err("this builder has finished its program").into()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Builder>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shape_of(builder: &Builder, dims: &[String]) -> Result<Shape, Raised> {
    Ok(dims.iter().map(|dim| Dim::parse(dim, &builder.sizes)).collect::<Result<_, _>>()?)
}

#[pymethods]
impl PyProgramBuilder {
    #[new]
    fn new(name: &str, sizes: BTreeMap<String, usize>) -> PyProgramBuilder {
        PyProgramBuilder { inner: Mutex::new(Some(Builder::new(name, sizes))) }
    }

    fn input(&self, name: &str, shape: Vec<String>) -> PyResult<usize> {
        self.with(|g| Ok(g.source(Source::Input, name, shape_of(g, &shape)?)?))
    }

    fn index_input(&self, name: &str) -> PyResult<usize> {
        self.with(|g| Ok(g.source(Source::Index, name, Vec::new())?))
    }

    fn state(&self, name: &str, shape: Vec<String>) -> PyResult<usize> {
        self.with(|g| Ok(g.source(Source::State, name, shape_of(g, &shape)?)?))
    }

    fn state_on(&self, name: &str, shape: Vec<String>, axis: usize) -> PyResult<usize> {
        self.with(|g| Ok(g.state_on(name, shape_of(g, &shape)?, axis)?))
    }

    fn param(&self, name: &str, shape: Vec<String>) -> PyResult<usize> {
        self.with(|g| Ok(g.source(Source::Param, name, shape_of(g, &shape)?)?))
    }

    fn memory(&self, name: &str, shape: Vec<String>, axis: usize) -> PyResult<usize> {
        self.with(|g| Ok(g.memory(name, shape_of(g, &shape)?, axis)?))
    }

    fn r#const(&self, value: f64) -> PyResult<usize> {
        self.with(|g| Ok(g.constant(value)))
    }

    #[pyo3(signature = (op, args, attrs=None, r#where=None))]
    fn add(
        &self,
        op: &str,
        args: Vec<usize>,
        attrs: Option<HashMap<String, AttrValue>>,
        r#where: Option<&str>,
    ) -> PyResult<usize> {
        self.with(|g| {
            let at = |text: String| match r#where {
                Some(place) => format!("{text}\n  at {place}"),
                None => text,
            };
            let id = rows::find(op).ok_or_else(|| ConfigError::new_err(format!("unknown op {op:?}")))?;
            let row = rows::row(id);
            let mut values = Vec::new();
            for (name, value) in attrs.unwrap_or_default() {
                match value {
                    AttrValue::Shape(dims) => values.push(("shape", Value::Shape(shape_of(g, &dims)?))),
                    AttrValue::Number(x) => match row.attrs.iter().find(|(known, _)| *known == name) {
                        Some((known, _)) => values.push((*known, Value::Number(x))),
                        None => {
                            return Err(
                                ShapeError::new_err(at(format!("{op} has no attribute {name:?}"))).into()
                            );
                        }
                    },
                }
            }
            g.add(id, &args, Attrs(values)).map_err(|error| {
                use ostinato_core::step::StepError::{Format, Large, Shape, Trace};
                Raised::from(match error {
                    Shape(text) => Shape(at(text)),
                    Trace(text) => Trace(at(text)),
                    Large(text) => Large(at(text)),
                    Format(text) => Format(at(text)),
                })
            })
        })
    }

    fn name(&self, node: usize, name: &str) -> PyResult<()> {
        self.with(|g| {
            check(g, node)?;
            g.label(node, name);
            Ok(())
        })
    }

    fn shape(&self, node: usize) -> PyResult<Vec<(usize, String)>> {
        self.with(|g| {
            check(g, node)?;
            Ok(g.node(node).shape.iter().map(|dim| (dim.value, dim.to_string())).collect())
        })
    }

    fn is_index(&self, node: usize) -> PyResult<bool> {
        self.with(|g| {
            check(g, node)?;
            Ok(g.node(node).is_index)
        })
    }

    fn entries(&self, node: usize) -> PyResult<Option<usize>> {
        self.with(|g| {
            check(g, node)?;
            Ok(g.node(node).entries)
        })
    }

    fn finish(&self, outputs: Vec<(String, usize)>, updates: Vec<(String, usize)>) -> PyResult<PyProgram> {
        let builder = self.lock().take();
        entry(|| match builder {
            Some(builder) => Ok(builder.finish(&outputs, &updates)?.into()),
            None => Err(ConfigError::new_err("this builder has finished its program").into()),
        })
    }
}

fn check(builder: &Builder, node: usize) -> Result<(), Raised> {
    if node < builder.nodes().len() {
        Ok(())
    } else {
        Err(ConfigError::new_err(format!("value {node} does not exist")).into())
    }
}

/// The ops that a step may use.
#[pyfunction]
pub fn op_names() -> Vec<&'static str> {
    rows::table().iter().filter(|row| !row.internal).map(|row| row.name).collect()
}
