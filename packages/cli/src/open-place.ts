import {
  type ContentStore,
  dockerCredentials,
  isLoopbackHost,
  openPlace,
  type Place,
  type Reference,
  registryStore,
} from "@stemma/oci";
import { CliError } from "./error.ts";

/** Options of commands that read or write registries. */
export interface PlaceOptions {
  readonly plainHttp?: boolean;
}

/**
 * A registry, with the logins that other tools stored. Throws `usage` for `--plain-http` towards another machine: what goes
 * there in the clear, logins included, anybody on the way can read and change.
 */
export function openRegistry(reference: Reference, { plainHttp = false }: PlaceOptions): ContentStore {
  if (plainHttp && !isLoopbackHost(reference.host)) {
    throw new CliError(
      "usage",
      `--plain-http is for registries on this machine; ${reference.host} is another.`,
    );
  }
  return registryStore(reference, { plainHttp, credentials: dockerCredentials() });
}

/**
 * Both ends of a copy. `--plain-http` is meant for those of them that are on this machine. Throws `usage` when none is.
 */
export function openPlaces(places: readonly Place[], { plainHttp = false }: PlaceOptions): ContentStore[] {
  const isLocal = (place: Place) => place.kind === "registry" && isLoopbackHost(place.reference.host);
  if (plainHttp && !places.some(isLocal)) {
    throw new CliError("usage", "--plain-http is for registries on this machine, and none of these is.");
  }
  return places.map((place) =>
    place.kind === "registry"
      ? openRegistry(place.reference, { plainHttp: plainHttp && isLocal(place) })
      : openPlace(place),
  );
}
