// What the dashboard and the alert rules ask Prometheus for.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { findProjectRoot } from '../unit/config/project-root.ts';

/** A PromQL expression and where it stands. */
export interface Query {
  readonly place: string;
  readonly expression: string;
}

export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** `metric{matchers}` as it stands in an expression. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const packaging = join(findProjectRoot(dirname(fileURLToPath(import.meta.url))), 'packaging');
export const rulesFile = join(packaging, 'prometheus', 'alerts.yaml');

/** Of all panels of the dashboard, with values in place of Grafana's variables. */
export function listDashboardQueries(): readonly Query[] {
  const text = readFileSync(join(packaging, 'grafana', 'stowage.json'), 'utf8');
  const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      place: `panel "${title}"`,
      expression: expr.replaceAll('$__range', '1h').replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    })),
  );
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export function listAlertRules(): readonly AlertRule[] {
  const { groups } = parse(readFileSync(rulesFile, 'utf8')) as { groups: readonly { rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function listAlertQueries(): readonly Query[] {
  return listAlertRules().map(({ alert, expr }) => ({ place: `alert ${alert}`, expression: expr }));
}

export function findSelectors(expression: string): readonly Selector[] {
  return [...expression.matchAll(/\b(stowage_\w+)(?:\{([^}]*)\})?/g)].map(([, metric = '', inside = '']) => ({
    metric,
    matchers: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', operator, value = '']) => ({
      label,
      operator: operator as Matcher['operator'],
      value,
    })),
  }));
}

/** Labels that results are grouped or joined by. */
export function findGroupings(expression: string): readonly string[] {
  return [...expression.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim()),
  );
}

/** As Prometheus does it: patterns match the whole value; a label that is not there is empty. */
export function isMatched({ label, operator, value }: Matcher, labels: Readonly<Record<string, string>>): boolean {
  const actual = labels[label] ?? '';
  const isEqual = operator.includes('~') ? new RegExp(`^(?:${value})$`).test(actual) : actual === value;
  return operator.startsWith('!') ? !isEqual : isEqual;
}
