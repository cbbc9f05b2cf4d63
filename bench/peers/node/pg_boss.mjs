// pg-boss: three jobs in a chain. Two processes of three workers, batches of 1,000, poll 0.5 s; the handler inserts the next jobs in bulk.
import pg from "pg";
import { PgBoss } from "pg-boss";
import { race, ready, report } from "./race.mjs";

const [mode, url, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const queues = ["step1", "step2", "step3"];

if (mode === "work") {
  const boss = new PgBoss({ connectionString: url, max: 6, supervise: false, schedule: false });
  await boss.start();
  await ready();
  for (const [place, name] of queues.entries()) {
    const following = queues[place + 1];
    await boss.work(name, { batchSize: 1000, pollingIntervalSeconds: 0.5 }, async (jobs) => {
      if (following) await boss.insert(following, jobs.map((job) => ({ data: job.data })));
    });
  }
} else {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  for (const name of queues) await boss.createQueue(name);
  for (let first = 0; first < count; first += 1000) {
    const size = Math.min(1000, count - first);
    await boss.insert("step1", Array.from({ length: size }, (_, place) => ({ data: { account: `acc-${first + place}` } })));
  }
  const client = new pg.Client(url);
  await client.connect();
  const done = async () =>
    Number((await client.query("select count(*) from pgboss.job where state = 'completed'")).rows[0].count) >= 3 * count;
  report(3 * count, await race(import.meta.filename ?? new URL(import.meta.url).pathname, url, 2, done));
  await client.end();
  await boss.stop({ graceful: false });
}
process.exitCode = 0;
