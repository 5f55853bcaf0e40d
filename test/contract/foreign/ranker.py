"""A ranking stage in Python: NumPy over the columns, stubs generated at start from Millrace's .proto files.

It scales what retrieval found by a boost per item id, so it wants ids beside ordinals (`orchestrator.sendItemIds: [ranking]`).

    pip install -r requirements.txt
    python3 ranker.py 127.0.0.1:7203 [boosts.json]
"""

import json
import pathlib
import signal
import sys
import tempfile
from concurrent import futures

import grpc
import grpc_tools.protoc
import numpy as np
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
NAME, VERSION = "python-ranker", "1"
ROWS_MAX = 10_000


def generate():
    folder = tempfile.mkdtemp(prefix="ranker-stubs-")
    files = [f"millrace/{part}/v1/{part}.proto" for part in ("type", "stage", "ranking")]
    args = ["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    if grpc_tools.protoc.main(args) != 0:
        raise SystemExit("protoc failed")
    sys.path.insert(0, folder)


generate()
from millrace.ranking.v1 import ranking_pb2, ranking_pb2_grpc  # noqa: E402
from millrace.stage.v1 import stage_pb2, stage_pb2_grpc  # noqa: E402
from millrace.type.v1 import type_pb2  # noqa: E402


class Refused(Exception):
    """A request that breaks the contract."""


def column(candidates, name):
    for found in candidates.columns:
        if found.name == name:
            return np.frombuffer(found.values, "<f4")
    raise Refused(f"column {name} is missing")


def check(candidates):
    count = candidates.count
    if count > ROWS_MAX:
        raise Refused(f"{count} rows; at most {ROWS_MAX}")
    if len(candidates.item) != 4 * count:
        raise Refused(f"item: {len(candidates.item)} bytes for {count} rows")
    for found in candidates.columns:
        if len(found.values) != 4 * count:
            raise Refused(f"{found.name}: {len(found.values)} bytes for {count} rows")
        if not np.isfinite(np.frombuffer(found.values, "<f4")).all():
            raise Refused(f"{found.name}: not finite")


class Ranking(ranking_pb2_grpc.RankingServiceServicer):
    def __init__(self, boosts):
        self.boosts = boosts

    def Rank(self, request, context):
        candidates = request.candidates
        try:
            check(candidates)
            rrf = column(candidates, "retrieval.rrf") if candidates.count > 0 else np.zeros(0, "<f4")
        except Refused as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        boost = np.ones(candidates.count, "<f4")
        for row, item_id in enumerate(candidates.item_id):
            boost[row] = self.boosts.get(item_id, 1.0)
        scores = type_pb2.Column(name="score.ranking", values=(rrf * boost).astype("<f4").tobytes())
        return ranking_pb2.RankResponse(
            status=type_pb2.StageStatus(stage="ranking", implementation=NAME, version=VERSION),
            candidates=type_pb2.Candidates(count=candidates.count, item=candidates.item, columns=[scores]),
        )


class Stage(stage_pb2_grpc.StageServiceServicer):
    def Describe(self, request, context):
        return stage_pb2.DescribeResponse(
            stage="ranking",
            implementation=NAME,
            version=VERSION,
            needs_columns=["retrieval.rrf"],
            gives_columns=["score.ranking"],
            needs_item_ids=True,
            bundle_policy=stage_pb2.BUNDLE_POLICY_ANY,
            rows_max=ROWS_MAX,
        )


def serve(address, boosts):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    ranking_pb2_grpc.add_RankingServiceServicer_to_server(Ranking(boosts), server)
    stage_pb2_grpc.add_StageServiceServicer_to_server(Stage(), server)
    served = [pb2.DESCRIPTOR.services_by_name[name].full_name
              for pb2, name in ((ranking_pb2, "RankingService"), (stage_pb2, "StageService"))]
    status = health.HealthServicer()
    for name in ["", *served]:
        status.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    reflection.enable_server_reflection([*served, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on port {port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=1))
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else {})
