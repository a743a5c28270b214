// Calls tools with the official client for TypeScript, as its first argument says:
// {command, args, env, answer, calls: [{name, arguments, cancelAfter}]}. Prints a line
// of JSON for each: {result} or {error}, the questions asked and the progress heard.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const todo = JSON.parse(process.argv[2]);
const client = new Client({ name: "typescript", version: "3" }, { capabilities: todo.answer ? { elicitation: { form: {} } } : {} });
let asked = [];
if (todo.answer) {
  client.setRequestHandler(ElicitRequestSchema, async (request) => {
    asked.push(request.params);
    return todo.answer;
  });
}
await client.connect(new StdioClientTransport({ command: todo.command, args: todo.args, env: todo.env, stderr: "inherit" }));
const { tools } = await client.listTools(); // from here on the client checks what comes back
console.log(JSON.stringify({ server: client.getServerVersion(), tools }));
for (const call of todo.calls) {
  asked = [];
  const progress = [];
  const cancel = new AbortController();
  const line = {};
  try {
    line.result = await client.callTool({ name: call.name, arguments: call.arguments }, undefined, {
      signal: cancel.signal,
      timeout: 60000,
      onprogress: (p) => {
        progress.push(p);
        if (call.cancelAfter && p.message.startsWith(call.cancelAfter)) cancel.abort();
      },
    });
  } catch (error) {
    line.error = error.message;
  }
  console.log(JSON.stringify({ ...line, asked, progress }));
}
await client.close();
