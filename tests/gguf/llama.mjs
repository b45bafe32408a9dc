// Asks llama.cpp about GGUF files: reads one JSON object from standard input, writes one to standard output.
//
// { model, lora?, prompts: [[ids]], count, texts: [text], likelihood: [[ids]] } →
// { answers: [[ids]], tokens: [[ids]], losses: [nats per token] }
import { readFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const asked = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: asked.model });
const lora = asked.lora ? { adapters: [{ filePath: asked.lora }] } : undefined;
const context = await model.createContext({ contextSize: asked.context ?? 256, batchSize: 256, lora, threads: 2 });
const sequence = context.getSequence();

async function greedy(ids, count) {
  await sequence.clearHistory();
  const answer = [];
  for await (const id of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    answer.push(id);
    if (answer.length >= count || model.isEogToken(id)) break;
  }
  return answer;
}

async function loss(ids) {
  await sequence.clearHistory();
  // The probability of each next token is asked for where the one before it is read.
  const inputs = ids.slice(0, -1).map((id) => [id, { generateNext: { probabilities: true } }]);
  const outputs = await sequence.controlledEvaluate(inputs);
  let sum = 0;
  ids.slice(1).forEach((id, at) => (sum -= Math.log(outputs[at].next.probabilities.get(id))));
  return sum / (ids.length - 1);
}

const answers = [];
for (const ids of asked.prompts ?? []) answers.push(await greedy(ids, asked.count));
const losses = [];
for (const ids of asked.likelihood ?? []) losses.push(await loss(ids));
const tokens = (asked.texts ?? []).map((text) => [...model.tokenize(text, false)]);
process.stdout.write(JSON.stringify({ answers, losses, tokens }) + "\n");
await llama.dispose();
