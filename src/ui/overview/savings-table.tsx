import type { History } from '../../admin/api-types.ts';
import { formatBytes, formatPercent, formatTime } from '../format.ts';
import { joinPoints } from './chart-data.ts';

const mostRows = 12;

/** What the charts show, to read. */
export function SavingsTable({ history }: { readonly history: History }) {
  return (
    <details>
      <summary>As a table</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label="Savings over time">
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">Served</th>
              <th scope="col">Fetched</th>
              <th scope="col">Hit ratio</th>
            </tr>
          </thead>
          <tbody>
            {joinPoints(history, mostRows)
              .points.toReversed()
              .map(({ at, servedBytes, fetchedBytes, hits, requests }) => (
                <tr key={at}>
                  <th scope="row">{formatTime(at)}</th>
                  <td>{formatBytes(servedBytes)}</td>
                  <td>{formatBytes(fetchedBytes)}</td>
                  <td>{requests === 0 ? '–' : formatPercent(hits / requests)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
