// A WebSocket that sends back what it gets, and a page that says where it runs.
const http = require("node:http");
const os = require("node:os");
const { WebSocketServer } = require("ws");

const server = http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok\n");
  response.setHeader("Content-Type", "application/json");
  response.end(
    JSON.stringify({
      app: process.env.FLY_APP_NAME,
      machine: process.env.FLY_MACHINE_ID,
      kernel: os.release(),
      node: process.version,
    }) + "\n",
  );
});

const sockets = new WebSocketServer({ server, path: "/echo", maxPayload: 1 << 20 });
sockets.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", (error) => console.error("socket:", error.message));
});

// 1001: the server goes away.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    console.log(`${signal}: finishing`);
    for (const socket of sockets.clients) socket.close(1001);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

server.listen(3000, "::", () => console.log("listening on port 3000"));
