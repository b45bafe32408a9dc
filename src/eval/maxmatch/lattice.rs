//! All shortest ways from a source to an answer, word by word, and longer edits made of neighbouring ones.
//!
//! A node is a place in both texts. An edge goes from one place to a later one in both: it replaces the source's words
//! between them by the answer's. Shortest ways are those of two distances, one in which replacing a word costs 1 and one
//! in which it costs 2, laid over each other; an edge that both have is there twice, as in the M2 scorer.

use std::collections::HashMap;

/// An edit may hold so many words that stay.
const MOST_UNCHANGED: u32 = 2;

/// Nodes of which edges are still merged. Beyond, answer and source have nearly nothing in common, the scorer itself
/// would take hours, and single edits have to do.
const MOST_NODES: usize = 1200;

/// A place: words of the source before it, words of the answer before it.
pub(super) type Node = (usize, usize);

/// What an edge does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc {
    /// Steps between its nodes.
    pub(super) steps: f64,
    /// Whether all words stay.
    pub(super) keeps: bool,
    unchanged: u32,
}

/// Nodes by number in ascending order, and edges between them.
#[derive(Debug)]
pub(super) struct Lattice {
    pub(super) nodes: Vec<Node>,
    /// In the order in which the scorer looks at them; one may be there several times.
    pub(super) edges: Vec<(usize, usize)>,
    arcs: HashMap<(usize, usize), Arc>,
    answer: Vec<String>,
}

impl Lattice {
    pub(super) fn between(source: &[&str], answer: &[&str]) -> Self {
        let mut edges: Vec<(Node, Node)> = Vec::new();
        for replacing in [1, 2] {
            edges.extend(shortest_ways(source, answer, replacing));
        }
        edges.sort_unstable();
        let ends = edges.iter().flat_map(|(from, to)| [*from, *to]);
        let mut nodes: Vec<Node> = ends.chain([(0, 0), (source.len(), answer.len())]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let number = |node: &Node| nodes.binary_search(node).unwrap_or(0);
        let numbered: Vec<(usize, usize)> = edges.iter().map(|(from, to)| (number(from), number(to))).collect();
        let arc = |(from, to): &(Node, Node)| {
            let keeps = from.0 < to.0 && from.1 < to.1 && source.get(from.0) == answer.get(from.1);
            Arc { steps: 1.0, keeps, unchanged: u32::from(keeps) }
        };
        let arcs = numbered.iter().copied().zip(edges.iter().map(arc)).collect();
        let answer = answer.iter().map(|word| (*word).to_owned()).collect();
        let mut lattice = Self { nodes, edges: numbered, arcs, answer };
        if lattice.nodes.len() <= MOST_NODES {
            lattice.merge_neighbours();
            lattice.drop_merged_words_that_stay();
        }
        lattice
    }

    pub(super) fn arc(&self, edge: &(usize, usize)) -> Option<&Arc> {
        self.arcs.get(edge)
    }

    pub(super) fn node(&self, number: usize) -> Node {
        self.nodes.get(number).copied().unwrap_or_default()
    }

    /// The words of the source that an edge is about, and what the answer has for them.
    pub(super) fn edit(&self, edge: &(usize, usize)) -> (usize, usize, String) {
        let (from, to) = (self.node(edge.0), self.node(edge.1));
        (from.0, to.0, self.answer.get(from.1..to.1).unwrap_or_default().join(" "))
    }

    /// Adds an edge for each two that follow each other, unless there is one as short, or too many words stay.
    fn merge_neighbours(&mut self) {
        let count = self.nodes.len();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut behind: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (from, to) in self.arcs.keys() {
            if let (Some(behind), Some(before)) = (behind.get_mut(*from), before.get_mut(*to)) {
                behind.push(*to);
                before.push(*from);
            }
        }
        for list in before.iter_mut().chain(&mut behind) {
            list.sort_unstable();
        }
        for middle in 0..count {
            let [first, last] = [&before, &behind].map(|lists| lists.get(middle).cloned().unwrap_or_default());
            for &from in &first {
                let Some(&left) = self.arcs.get(&(from, middle)) else { continue };
                for &to in &last {
                    let Some(&right) = self.arcs.get(&(middle, to)) else { continue };
                    let merged = Arc {
                        steps: left.steps + right.steps,
                        keeps: left.keeps && right.keeps,
                        unchanged: left.unchanged + right.unchanged,
                    };
                    let known = self.arcs.get(&(from, to));
                    if merged.unchanged > MOST_UNCHANGED || known.is_some_and(|arc| arc.steps <= merged.steps) {
                        continue;
                    }
                    if known.is_none() {
                        for (lists, place, other) in [(&mut behind, from, to), (&mut before, to, from)] {
                            let Some(list) = lists.get_mut(place) else { continue };
                            let at = list.partition_point(|node| *node < other);
                            list.insert(at, other);
                        }
                    }
                    self.edges.push((from, to));
                    self.arcs.insert((from, to), merged);
                }
            }
        }
    }

    /// Drops merged edges of which all words stay. The scorer removes them from a list while it goes through it, and so
    /// passes over the edge behind each one.
    fn drop_merged_words_that_stay(&mut self) {
        let mut kept = Vec::with_capacity(self.edges.len());
        let mut edges = std::mem::take(&mut self.edges).into_iter();
        while let Some(edge) = edges.next() {
            if self.arcs.get(&edge).is_some_and(|arc| arc.keeps && arc.steps > 1.0) {
                self.arcs.remove(&edge);
                kept.extend(edges.next());
            } else {
                kept.push(edge);
            }
        }
        self.edges = kept;
    }
}

/// The edges of all shortest ways, where removing and adding a word cost 1 each.
fn shortest_ways(source: &[&str], answer: &[&str], replacing: u32) -> Vec<(Node, Node)> {
    let width = answer.len() + 1;
    let mut costs: Vec<u32> = (0..width as u32).collect();
    let mut ways: Vec<Vec<Node>> =
        (0..width).map(|j| j.checked_sub(1).map(|left| (0, left)).into_iter().collect()).collect();
    for (i, word) in (1usize..).zip(source) {
        let above = costs.get(width * (i - 1)..).unwrap_or_default().to_vec();
        let mut left = i as u32;
        costs.push(left);
        ways.push(vec![(i - 1, 0)]);
        for ((j, other), corner) in (1usize..).zip(answer).zip(above.windows(2)) {
            let &[diagonal, up] = corner else { continue };
            let replaced = diagonal + if word == other { 0 } else { replacing };
            let (removed, added) = (up + 1, left + 1);
            let least = replaced.min(removed).min(added);
            let all = [(replaced, (i - 1, j - 1)), (removed, (i - 1, j)), (added, (i, j - 1))];
            ways.push(all.into_iter().filter(|(cost, _)| *cost == least).map(|(_, node)| node).collect());
            costs.push(least);
            left = least;
        }
    }
    let mut seen = vec![false; ways.len()];
    let (mut edges, mut open) = (Vec::new(), vec![(source.len(), answer.len())]);
    while let Some(node) = open.pop() {
        let at = node.0 * width + node.1;
        let Some(seen) = seen.get_mut(at).filter(|seen| !**seen) else { continue };
        *seen = true;
        for from in ways.get(at).into_iter().flatten() {
            edges.push((*from, node));
            open.push(*from);
        }
    }
    edges
}
