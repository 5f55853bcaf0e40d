import { expect } from 'vitest';
import { type Code, MillraceError, type Reason } from '../../common/errors.ts';
import { Channel } from '../../common/rpc/client.ts';
import type { Contract, GeneratedService, Service } from '../../common/rpc/contract.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { RpcServer } from '../../common/rpc/server.ts';
import { contracts, type StageService } from '../../common/rpc/services.ts';
import type { Component } from '../../common/service.ts';
import { Wire } from './wire.ts';
import type { World } from './world.ts';

/** One implementation of one service, as a suite sees it. */
export interface Target<S> {
  readonly name: string;
  readonly client: S;
  /** METHOD_UNKNOWN from a foreign stage that has none; undefined where the contract has none. */
  readonly stage: StageService | undefined;
  /** Undefined in memory, where no bytes travel. */
  readonly wire: Wire | undefined;
  /** True if it is not one of this project's: its codes are held to the contract, its reasons are its own. */
  readonly foreign: boolean;
  readonly world: World;
}

type Implemented<S extends GeneratedService> = Component & {
  readonly implementation: Service<S>;
  readonly stage?: StageService;
};

/** A component of this project, called in memory and over a socket. */
export async function ownTargets<S extends GeneratedService>(
  name: string,
  contract: Contract<S>,
  component: Implemented<S>,
  world: World,
): Promise<{ memory: Target<Service<S>>; socket: Target<Service<S>> } & AsyncDisposable> {
  const server = new RpcServer({ log: world.environment.log });
  for (const service of component.services) service.addTo(server);
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  server.setServing(true);
  const socket = foreignTarget(`${name} over a socket`, address, contract, world);
  const stage = component.stage && inMemory(contracts.stage, component.stage);
  return {
    memory: {
      name: `${name} in memory`,
      client: inMemory(contract, component.implementation),
      stage,
      wire: undefined,
      foreign: false,
      world,
    },
    socket: { ...socket, stage: stage && socket.stage, foreign: false },
    [Symbol.asyncDispose]: async () => {
      socket[Symbol.dispose]();
      await server.drain(1_000);
    },
  };
}

/** Somebody's server at `host:port`. */
export function foreignTarget<S extends GeneratedService>(
  name: string,
  address: string,
  contract: Contract<S>,
  world: World,
): Target<Service<S>> & Disposable {
  const channel = new Channel(address);
  const wire = new Wire(address);
  return {
    name,
    client: channel.client(contract),
    stage: channel.client(contracts.stage),
    wire,
    foreign: true,
    world,
    [Symbol.dispose]: () => {
      channel.close();
      wire[Symbol.dispose]();
    },
  };
}

/** Expects an error of this code, and from this project's own services of this reason. */
export async function expectRefusal(
  { foreign }: Pick<Target<unknown>, 'foreign'>,
  answer: Promise<unknown>,
  code: Code,
  reason: Reason,
): Promise<void> {
  const error = await refusal(answer);
  expect([error.code, foreign ? reason : error.reason], error.message).toEqual([code, reason]);
}

/** The error; fails if there is none. */
export async function refusal(answer: Promise<unknown>): Promise<MillraceError> {
  const error = await answer.then(
    () => new Error('the call was answered'),
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}
