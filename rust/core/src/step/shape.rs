//! Shape rules: the result shape of each kind of op, from its operands' shapes. Errors are half-sentences; the builder adds
//! the op, the operands' names and the line of the equation.

use super::{Attrs, Dim, Node, Shape, numel, shape_text};

type ShapeResult = Result<Shape, String>;

pub fn same(args: &[&Node], _: &Attrs) -> ShapeResult {
    Ok(args[0].shape.clone())
}

/// NumPy's broadcasting, over feature shapes.
pub fn broadcast(args: &[&Node], _: &Attrs) -> ShapeResult {
    let mut result: Shape = Vec::new();
    for index in 0..args.len() {
        result = broadcast_pair(&result, &args[index].shape).ok_or_else(|| {
            let shapes: Vec<String> = (0..args.len()).map(|i| shape_text(&args[i].shape)).collect();
            format!("shapes {} do not fit each other", shapes.join(" and "))
        })?;
    }
    Ok(result)
}

fn broadcast_pair(a: &[Dim], b: &[Dim]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        // aligned at the last axis; a missing axis counts as 1
        let at = |s: &[Dim]| (axis + s.len()).checked_sub(rank).map(|i| s[i].clone());
        shape.push(match (at(a), at(b)) {
            (Some(x), Some(y)) if x == y || y.value == 1 => x,
            (Some(x), Some(y)) if x.value == 1 => y,
            (Some(x), None) | (None, Some(x)) => x,
            _ => return None,
        });
    }
    Some(shape)
}

pub fn matmul(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let (matrix, vector) = (&args[0].shape, &args[1].shape);
    let [rows, columns] = matrix.as_slice() else {
        return Err(format!("the left operand of @ has shape {}; expected a matrix", shape_text(matrix)));
    };
    let (out, inner) = if attrs.flag("transpose") { (columns, rows) } else { (rows, columns) };
    match vector.as_slice() {
        [size] if size == inner => Ok(vec![out.clone()]),
        _ => Err(format!(
            "a matrix {}{} cannot multiply a vector {}; expected ({})",
            shape_text(matrix),
            if attrs.flag("transpose") { " transposed" } else { "" },
            shape_text(vector),
            inner
        )),
    }
}

/// A parameter matrix and the lines of a value: (n, k), (m, k) -> (m, n).
pub fn matmul_lines(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    match (args[0].shape.as_slice(), args[1].shape.as_slice()) {
        ([out, inner], [lines, size]) if !attrs.flag("transpose") && size == inner => {
            Ok(vec![lines.clone(), out.clone()])
        }
        ([inner, out], [lines, size]) if attrs.flag("transpose") && size == inner => {
            Ok(vec![lines.clone(), out.clone()])
        }
        (a, b) => Err(format!("{} cannot multiply the lines of {}", shape_text(a), shape_text(b))),
    }
}

/// A matrix and a vector, a vector and a matrix, or two matrices.
pub fn product(args: &[&Node], _: &Attrs) -> ShapeResult {
    let (a, b) = (&args[0].shape, &args[1].shape);
    match (a.as_slice(), b.as_slice()) {
        ([rows, inner], [size]) if inner == size => Ok(vec![rows.clone()]),
        ([size], [inner, columns]) if inner == size => Ok(vec![columns.clone()]),
        ([rows, inner], [size, columns]) if inner == size => Ok(vec![rows.clone(), columns.clone()]),
        _ => Err(format!(
            "{} cannot multiply {}; expected a matrix and a vector, or two matrices, of one inner size",
            shape_text(a),
            shape_text(b)
        )),
    }
}

pub fn outer(args: &[&Node], _: &Attrs) -> ShapeResult {
    match (args[0].shape.as_slice(), args[1].shape.as_slice()) {
        ([rows], [columns]) => Ok(vec![rows.clone(), columns.clone()]),
        (a, b) => Err(format!("outer needs two vectors, got {} and {}", shape_text(a), shape_text(b))),
    }
}

pub fn transpose(args: &[&Node], _: &Attrs) -> ShapeResult {
    match args[0].shape.as_slice() {
        [rows, columns] => Ok(vec![columns.clone(), rows.clone()]),
        shape => Err(format!("{} has no transpose; expected a matrix", shape_text(shape))),
    }
}

pub fn sum_first(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    match args[0].shape.as_slice() {
        [_, columns] if attrs.flag("keepdims") => Ok(vec![Dim::number(1), columns.clone()]),
        [_, columns] => Ok(vec![columns.clone()]),
        shape => Err(format!("{} has no second axis to keep; expected a matrix", shape_text(shape))),
    }
}

pub fn dot(args: &[&Node], _: &Attrs) -> ShapeResult {
    let (a, b) = (&args[0].shape, &args[1].shape);
    if a.len() == 1 && a == b {
        Ok(Vec::new())
    } else {
        Err(format!("dot needs two vectors of one size, got {} and {}", shape_text(a), shape_text(b)))
    }
}

pub fn lookup(args: &[&Node], _: &Attrs) -> ShapeResult {
    let table = &args[0].shape;
    match table.as_slice() {
        [_, width] if args[0].folded && args[1].is_index => Ok(vec![width.clone()]),
        _ => Err(format!("lookup needs a parameter matrix and an id, got {}", shape_text(table))),
    }
}

pub fn pick(args: &[&Node], _: &Attrs) -> ShapeResult {
    let vector = &args[0].shape;
    if vector.len() == 1 && args[1].is_index {
        Ok(Vec::new())
    } else {
        Err(format!("pick needs a vector and an id, got {}", shape_text(vector)))
    }
}

pub fn take(args: &[&Node], _: &Attrs) -> ShapeResult {
    match (args[0].shape.as_slice(), args[1].shape.as_slice()) {
        ([_], [count]) => Ok(vec![count.clone()]),
        (of, at) => Err(format!(
            "take needs a vector and a vector of places, got {} and {}",
            shape_text(of),
            shape_text(at)
        )),
    }
}

pub fn add_at(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    if args[0].shape.len() != 1 || args[1].numel() != args[0].numel() || attrs.int("size") < 1 {
        return Err("add_at needs numbers, as many places, and a size from 1".into());
    }
    Ok(vec![Dim::number(attrs.int("size"))])
}

pub fn one_hot(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let size = attrs.number("size");
    if !args[0].is_index {
        return Err("one_hot needs an id".into());
    }
    if size < 1.0 || size.fract() != 0.0 || size > f64::from(u32::MAX >> 1) {
        return Err(format!("size is {size}; expected an integer from 1"));
    }
    Ok(vec![Dim::number(size as usize)])
}

pub fn slice(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let shape = &args[0].shape;
    if shape.is_empty() {
        return Err("a number cannot be sliced; expected a vector".into());
    }
    part_of(shape, 0, attrs)
}

pub fn columns(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let shape = &args[0].shape;
    if shape.len() != 2 {
        return Err(format!("{} has no columns; expected a matrix", shape_text(shape)));
    }
    part_of(shape, 1, attrs)
}

/// The shape of elements `start..stop` along an axis.
fn part_of(shape: &[Dim], axis: usize, attrs: &Attrs) -> ShapeResult {
    let (start, stop) = (attrs.number("start"), attrs.number("stop"));
    let whole = start.fract() == 0.0 && stop.fract() == 0.0;
    if !(whole && 0.0 <= start && start < stop && stop <= shape[axis].value as f64) {
        return Err(format!("slice {start}:{stop} does not lie inside {}", shape_text(shape)));
    }
    let mut result = shape.to_vec();
    result[axis] = shape[axis].part((stop - start) as usize);
    Ok(result)
}

pub fn join_columns(args: &[&Node], _: &Attrs) -> ShapeResult {
    let mut result: Shape = Vec::new();
    for (index, part) in args.iter().enumerate() {
        let shape = &part.shape;
        match (&shape[..], &mut result[..]) {
            ([_, _], []) => result = shape.to_vec(),
            ([rows, columns], [all, width]) if rows == all => *width = width.plus(columns),
            _ => return Err(format!("part {index} has shape {}, which has other rows", shape_text(shape))),
        }
    }
    Ok(result)
}

pub fn concat(args: &[&Node], _: &Attrs) -> ShapeResult {
    let mut result = args[0].shape.clone();
    if result.is_empty() {
        result.push(Dim::number(1)); // scalars are concatenated to a vector
    }
    for index in 1..args.len() {
        let shape = &args[index].shape;
        let first = shape.first().cloned().unwrap_or_else(|| Dim::number(1));
        let rest = shape.get(1..).unwrap_or(&[]);
        if rest != &result[1..] || shape.len().max(1) != result.len() {
            return Err(format!(
                "part {index} has shape {}, which does not continue {}",
                shape_text(shape),
                shape_text(&result)
            ));
        }
        result[0] = result[0].plus(&first);
    }
    Ok(result)
}

pub fn reshape(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let (from, to) = (&args[0].shape, attrs.shape());
    if numel(from) == numel(to) && to.len() <= 2 {
        Ok(to.to_vec())
    } else {
        Err(format!(
            "{} cannot become {}: expected as many elements and at most 2 axes",
            shape_text(from),
            shape_text(to)
        ))
    }
}

pub fn broadcast_to(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let (from, to) = (&args[0].shape, attrs.shape());
    match broadcast_pair(from, to) {
        Some(shape) if shape == to => Ok(to.to_vec()),
        _ => Err(format!("{} cannot be broadcast to {}", shape_text(from), shape_text(to))),
    }
}

pub fn sum_to(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let (from, to) = (&args[0].shape, attrs.shape());
    match broadcast_pair(to, from) {
        Some(shape) if shape == *from => Ok(to.to_vec()),
        _ => Err(format!("{} cannot be summed to {}", shape_text(from), shape_text(to))),
    }
}

pub fn reduce(args: &[&Node], attrs: &Attrs) -> ShapeResult {
    let mut shape = args[0].shape.clone();
    if shape.pop().is_none() {
        return Err("a number has no axis to reduce; expected a vector".into());
    }
    if attrs.flag("keepdims") {
        shape.push(Dim::number(1));
    }
    Ok(shape)
}

pub fn argmax(args: &[&Node], _: &Attrs) -> ShapeResult {
    let shape = &args[0].shape;
    if shape.len() == 1 {
        Ok(Vec::new())
    } else {
        Err(format!("argmax needs a vector, got {}", shape_text(shape)))
    }
}
