import { formatPin, pinsRepository, pinsTag, type Pin } from '../../oci/pin.ts';
import type { Catalog } from '../../store/catalog.ts';
import type { CachedImage } from './cached-image.ts';

export interface PinsOptions {
  readonly catalog: Pick<Catalog, 'listPins' | 'addPin' | 'removePin'>;
  configuredPins(): readonly Pin[];
}

export interface KnownPin {
  readonly pin: Pin;
  readonly source: 'configuration' | 'operator';
}

/** The configuration's pins and the operators', which only these can take away. */
export class Pins {
  readonly #options: PinsOptions;

  constructor(options: PinsOptions) {
    this.#options = options;
  }

  /** The configuration's first, each by its text. */
  list(): readonly KnownPin[] {
    const sorted = (pins: readonly Pin[], source: KnownPin['source']): readonly KnownPin[] =>
      pins.toSorted((a, b) => (formatPin(a) < formatPin(b) ? -1 : 1)).map((pin) => ({ pin, source }));
    const { configuredPins, catalog } = this.#options;
    return [...sorted(configuredPins(), 'configuration'), ...sorted(catalog.listPins(), 'operator')];
  }

  all(): readonly Pin[] {
    return this.list().map(({ pin }) => pin);
  }

  /** Where this very pin comes from; the operators' come first. Undefined when there is none. */
  findSource(pin: Pin): KnownPin['source'] | undefined {
    const text = formatPin(pin);
    const known = this.list().filter((one) => formatPin(one.pin) === text);
    return known.at(-1)?.source;
  }

  /** Harmless for those that are there. */
  async add(pins: readonly Pin[]): Promise<void> {
    await this.#options.catalog.addPin(...pins);
  }

  /** Harmless for those that no operator has made. */
  async remove(pins: readonly Pin[]): Promise<void> {
    await this.#options.catalog.removePin(...pins);
  }
}

/** Whether a pin is about an image itself, whatever holds what that consists of. */
export function isHolding(pin: Pin, image: Pick<CachedImage, 'upstream' | 'repository' | 'tags' | 'digest'>): boolean {
  if (pin.type === 'digest') return pin.digest === image.digest;
  return pin.tag === undefined ? pinsRepository(pin, image) : image.tags.some((tag) => pinsTag(pin, image, tag));
}
