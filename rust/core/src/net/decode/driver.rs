//! Runs a search: the hypotheses of several sentences are rows of the same steps.
//!
//! Threads take the sentences in order. A thread has room for some rows; when a sentence is done, its rows go to the next one.
//! A row's results do not depend on the other rows, so neither the threads nor the other sentences change a result.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::memory::{made, push};
use crate::team;

use super::super::call::{Call, Given, Poll, Pooled, StepEngine, Steps, Weights};
use super::super::graph::NetError;
use super::super::locks::lock;
use super::beam::BeamSearch;
use super::hypotheses::Found;
use super::predicted::Predicted;
use super::sampler::Samples;
use super::search::{Method, Search};

/// Rows of the steps of a thread, if its sentences have as many: a multiple of the 16 rows that a product takes together, and
/// enough that the weights, which every step reads, are read for several of them.
const ROWS: usize = 64;

/// What the hypotheses of a sentence are.
enum Sentence {
    Beam(BeamSearch),
    Samples(Samples),
}

/// A sentence in work.
struct Work {
    row: usize,
    sentence: Sentence,
    /// What its rows are at the next step: the row now that each continues, and the id that it is fed.
    next: Vec<(usize, usize)>,
    /// Whether it has not run a step.
    fresh: bool,
}

/// The hypotheses of every row of `given`. `call` is a call of the steps of `engine`.
pub fn decode<T: Pooled>(
    engine: &StepEngine,
    call: &Call<T>,
    given: &Arc<Given<T>>,
    search: &Search,
    poll: Poll,
) -> Result<Vec<Vec<Found>>, NetError> {
    let network = &engine.steps;
    let rows = given.rows();
    let ids = network.width(network.outputs[0].node);
    search.check(rows, ids, network.inputs[0].limit, engine.weights.is_some())?;
    let work: usize = network.layers.iter().map(|layer| layer.forward(false).work(|_| true)[0]).sum();
    let steps = search.most.iter().copied().fold(0usize, usize::saturating_add);
    let lanes = team::lanes_for(steps.saturating_mul(search.width()).saturating_mul(work)).min(rows.max(1));
    let places = (ROWS / search.width()).clamp(1, rows.div_ceil(lanes).max(1));
    let job = Job {
        call,
        given,
        search,
        weights: engine.weights,
        room: places * search.width(),
        next: AtomicUsize::new(0),
        found: Mutex::new(made((0..rows).map(|_| Vec::new()))),
        error: Mutex::new(None),
    };
    team::run_on(lanes, lanes, &|_, _| job.thread(), poll)?;
    let failed = lock(&job.error).take();
    match failed {
        Some((_, error)) => Err(error),
        None => Ok(job.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
    }
}

struct Job<'a, T: Pooled> {
    call: &'a Call<T>,
    given: &'a Arc<Given<T>>,
    search: &'a Search,
    /// What is read on entries after each step.
    weights: Option<Weights>,
    /// The rows of a thread.
    room: usize,
    /// The next sentence that no thread has taken.
    next: AtomicUsize,
    /// By sentence.
    found: Mutex<Vec<Vec<Found>>>,
    /// The error of the first sentence that has one, and its number.
    error: Mutex<Option<(usize, NetError)>>,
}

impl<T: Pooled> Job<'_, T> {
    fn thread(&self) {
        if let Err((row, error)) = self.sentences() {
            let mut first = lock(&self.error);
            if first.as_ref().is_none_or(|(other, _)| row < *other) {
                *first = Some((row, error));
            }
            self.next.store(usize::MAX / 2, Ordering::Relaxed);
        }
    }

    fn sentences(&self) -> Result<(), (usize, NetError)> {
        let Some(first) = self.take() else { return Ok(()) };
        let mut steps =
            Steps::new(self.call, Arc::clone(self.given), self.room).map_err(|error| (0, error))?;
        let mut works = vec![first];
        let (mut seats, mut parents, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            team::pause();
            while (works.len() + 1) * self.search.width() <= self.room
                && let Some(work) = self.take()
            {
                push(&mut works, work);
            }
            if works.is_empty() {
                return Ok(());
            }
            self.settle(&mut steps, &works, (&mut seats, &mut parents, &mut fresh));
            steps.step(self.call);
            let mut first = 0;
            for work in &mut works {
                let rows = work.next.len();
                let logits = |place| steps.output(self.call, first + place);
                let weights = |place| self.weights.map_or(&[][..], |of| steps.weights(of, first + place));
                work.advance(self, Predicted::new(&logits, &weights))
                    .map_err(|error| (work.row, named(error, work.row)))?;
                work.next.iter_mut().for_each(|(parent, _)| *parent += first);
                first += rows;
            }
            let mut at = 0;
            while at < works.len() {
                if works[at].next.is_empty() {
                    let work = works.remove(at);
                    lock(&self.found)[work.row] = work.sentence.result();
                } else {
                    at += 1;
                }
            }
        }
    }

    /// The next sentence; one that may not have an id is done already.
    fn take(&self) -> Option<Work> {
        loop {
            let row = self.next.fetch_add(1, Ordering::Relaxed);
            if row >= self.given.rows() {
                return None;
            }
            if self.search.most[row] > 0 {
                let sentence = Sentence::new(row, self.search);
                return Some(Work { row, sentence, next: vec![(0, self.search.begin[row])], fresh: true });
            }
            let nothing = Found {
                ids: Vec::new(),
                log_probabilities: Vec::new(),
                log_probability: 0.0,
                weights: Vec::new(),
                entries: self.weights.map_or(0, |of| self.given.entries(of, row)),
                score: 0.0,
                finished: false,
            };
            let count = if let Method::Sampling(sampling) = &self.search.method { sampling.count } else { 1 };
            lock(&self.found)[row] = vec![nothing; count];
        }
    }

    /// Lays the rows of all sentences side by side, each with the states of the row that it continues, and feeds them.
    fn settle(
        &self,
        steps: &mut Steps<T>,
        works: &[Work],
        (seats, parents, fresh): (&mut Vec<usize>, &mut Vec<usize>, &mut Vec<bool>),
    ) {
        let before = seats.clone();
        seats.clear();
        parents.clear();
        fresh.clear();
        for work in works {
            for &(parent, _) in &work.next {
                push(seats, work.row);
                push(parents, parent);
                push(fresh, work.fresh);
            }
        }
        if parents.iter().enumerate().any(|(row, &parent)| row != parent && !fresh[row]) {
            steps.gather(parents);
        }
        if *seats != before {
            steps.seat(self.call, seats);
        }
        if fresh.contains(&true) {
            steps.restart(self.call, |row| fresh[row]);
        }
        let fed = works.iter().flat_map(|work| &work.next).map(|&(_, id)| T::from_f64(id as f64));
        steps.fed(self.call).iter_mut().zip(fed).for_each(|(to, id)| *to = id);
    }
}

impl Work {
    fn advance<T: Pooled>(&mut self, job: &Job<T>, predicted: Predicted<T>) -> Result<(), NetError> {
        let kernels = job.call.kernels();
        self.fresh = false;
        self.next = match (&mut self.sentence, &job.search.method) {
            (Sentence::Beam(beam), _) => beam.advance(job.search, kernels, predicted)?,
            (Sentence::Samples(samples), Method::Sampling(options)) => {
                samples.advance(job.search, options, kernels, predicted)?
            }
            (Sentence::Samples(_), Method::Beam(_)) => unreachable!("samples are for sampling"),
        };
        Ok(())
    }
}

impl Sentence {
    fn new(row: usize, search: &Search) -> Sentence {
        match &search.method {
            Method::Beam(options) => Sentence::Beam(BeamSearch::new(row, *options)),
            Method::Sampling(options) => Sentence::Samples(Samples::new(row, options)),
        }
    }

    fn result(self) -> Vec<Found> {
        match self {
            Sentence::Beam(beam) => beam.result(),
            Sentence::Samples(samples) => samples.result(),
        }
    }
}

/// An error with the row in which it happened.
fn named(error: NetError, row: usize) -> NetError {
    match error {
        NetError::NonFinite(text) => NetError::NonFinite(format!("row {row}: {text}")),
        other => other,
    }
}
