// Whether the machine was ours alone: what others took of it while we measured.
import { readCpuSeconds, readMachineCpuSeconds } from './process-tree.ts';

/** What others took while each of the measurements ran, in cores. The kernel's own threads are others too. */
export interface OthersLoad {
  readonly cores: readonly number[];
  /** Runs a measurement and notes the load. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** Shorter ones tell nothing: the kernel counts in hundredths of a second. */
const shortestS = 0.5;

export function createOthersLoad(): OthersLoad {
  const cores: number[] = [];
  const readOthers = (): number => readMachineCpuSeconds() - readCpuSeconds(process.pid);
  return {
    cores,
    async during(work) {
      const [startMs, before] = [performance.now(), readOthers()];
      const result = await work();
      const tookS = (performance.now() - startMs) / 1000;
      if (tookS >= shortestS) cores.push(Math.max(0, (readOthers() - before) / tookS));
      return result;
    },
  };
}
