// Which words of an answer are not in the right answer, and which of that are missing: the longest common subsequence.
const MOST_WORDS = 400;

/** Pieces `{ text, kind }`, kind "same", "extra" or "missing", that together are the answer with what it lacks. */
function compareWords(answer, reference) {
  const split = (text) => text.split(/\s+/u).filter((word) => word !== "");
  const [a, b] = [split(answer), split(reference)];
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) {
    const known = new Set(b);
    return a.map((text) => ({ text, kind: known.has(text) ? "same" : "extra" }));
  }
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const pieces = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      pieces.push({ text: a[i++], kind: "same" });
      j++;
    } else if (j >= b.length || (i < a.length && longest[i + 1][j] >= longest[i][j + 1])) {
      pieces.push({ text: a[i++], kind: "extra" });
    } else {
      pieces.push({ text: b[j++], kind: "missing" });
    }
  }
  return pieces;
}

/** The comparison with the right answer that has most in common with it. */
function compareWithBest(answer, references) {
  let best = null;
  let most = -1;
  for (const reference of references) {
    const pieces = compareWords(answer, reference);
    const same = pieces.filter((piece) => piece.kind === "same").length / Math.max(pieces.length, 1);
    if (same > most) [best, most] = [pieces, same];
  }
  return best ?? [{ text: answer, kind: "same" }];
}
