// A database for a first look: `node database.mjs` answers `GET /players` and takes `POST /players`.
import { createServer } from "node:http";

const players = [{ name: "Bob", score: 5 }, { name: "Ada", score: 9 }];

const server = createServer(async (request, response) => {
  if (request.url !== "/players") {
    response.writeHead(404).end();
    return;
  }
  if (request.method === "POST") {
    let text = "";
    for await (const part of request) text += part;
    players.push(JSON.parse(text));
    response.writeHead(201).end();
  } else {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(players));
  }
  console.log(request.method, request.url);
});

server.listen(Number(process.argv[2] ?? 3001), "127.0.0.1");
