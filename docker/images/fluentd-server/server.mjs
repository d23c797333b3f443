// Prints every event that arrives as {"tag", "time", "record"}, one JSON object a line.
import logger from "@fluent-org/logger";

const listenOptions = { port: Number(process.env.PORT ?? 24224), host: "0.0.0.0" };
const server = new logger.FluentServer({ listenOptions });
const plain = (key, value) =>
  typeof value === "bigint" ? Number(value) : value instanceof Uint8Array ? Buffer.from(value).toString() : value;

server.on("entry", (tag, time, record) => console.log(JSON.stringify({ tag, time, record }, plain)));
process.on("SIGTERM", () => process.exit(0));
await server.listen();
console.log(JSON.stringify({ listening: listenOptions.port }));
