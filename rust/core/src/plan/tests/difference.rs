//! Two texts side by side: what a failing snapshot shows.

/// Lines around a change that are shown too.
const AROUND: usize = 2;

/// The lines of `old` that are gone (-), those of `new` that came (+), and some lines around them.
pub(super) fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // common[i][j]: lines that old[i..] and new[j..] have in common, in order.
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let near = |at: usize| {
        lines[at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len())]
            .iter()
            .any(|(sign, _)| *sign != ' ')
    };
    let shown = (0..lines.len()).filter(|&at| near(at));
    shown.map(|at| format!("{} {}\n", lines[at].0, lines[at].1)).collect()
}

#[test]
fn changed_lines_are_shown_with_those_around_them() {
    let old = "a\nb\nc\nd\ne\nf\ng";
    assert_eq!(difference(old, old), "");
    assert_eq!(difference(old, "a\nb\nc\nX\ne\nf\ng"), "  b\n  c\n- d\n+ X\n  e\n  f\n");
    assert_eq!(difference("", "a\nb"), "+ a\n+ b\n");
    assert_eq!(difference(old, "b\nc\nd\ne\nf\ng"), "- a\n  b\n  c\n");
}
