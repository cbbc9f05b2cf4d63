// Workers of a peer, in processes of their own: started together when each is ready, timed until the work is done.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const patience = 240_000;

export async function race(file, url, processes, done) {
  const workers = Array.from({ length: processes }, () =>
    spawn(process.execPath, [file, "work", url, "0"], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  try {
    await Promise.all(workers.map((worker) => new Promise((resolve) => createInterface(worker.stdout).once("line", resolve))));
    const begun = performance.now();
    for (const worker of workers) worker.stdin.write("go\n");
    while (!(await done())) {
      if (performance.now() - begun > patience) throw new Error(`not done after ${patience} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return (performance.now() - begun) / 1000;
  } finally {
    for (const worker of workers) worker.kill("SIGKILL");
  }
}

export async function ready() {
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
}

export function report(steps, seconds) {
  console.log(JSON.stringify({ steps, seconds, node: process.version }));
}
