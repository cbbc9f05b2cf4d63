// Graphile Worker: three jobs in a chain, each adding the next. Two processes of 24 jobs, a local queue of 500, completions in batches.
import pg from "pg";
import { makeWorkerUtils, Logger, run } from "graphile-worker";
import { race, ready, report } from "./race.mjs";

const [mode, url, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const logger = new Logger(() => () => {});

if (mode === "work") {
  await ready();
  await run({
    logger,
    taskList: {
      chain: async (payload, helpers) => {
        if (payload.step < 3) await helpers.addJob("chain", { step: payload.step + 1 });
      },
    },
    preset: {
      worker: {
        connectionString: url,
        concurrentJobs: 24,
        maxPoolSize: 24,
        pollInterval: 100,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
} else {
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  await utils.release();
  const client = new pg.Client(url);
  await client.connect();
  await client.query(
    `select graphile_worker.add_jobs(array(select ('chain', '{"step": 1}'::json, null, null, null, null, null, null)::graphile_worker.job_spec
       from generate_series(1, $1::int)))`,
    [count],
  );
  const done = async () => Number((await client.query("select count(*) from graphile_worker._private_jobs")).rows[0].count) === 0;
  report(3 * count, await race(import.meta.filename ?? new URL(import.meta.url).pathname, url, 2, done));
  await client.end();
}
