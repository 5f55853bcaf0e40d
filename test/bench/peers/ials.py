"""iALS by `implicit` on a matrix of raw files; prints the seconds of fitting as JSON and writes the factors beside them."""

import json
import sys
import time

import numpy
import scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares

folder, rows, columns, factors, iterations, regularization, alpha, threads, seed = sys.argv[1:]
offsets = numpy.fromfile(f"{folder}/offsets.u32", dtype="<u4").astype("int32")
items = numpy.fromfile(f"{folder}/columns.u32", dtype="<u4").astype("int32")
values = numpy.ones(len(items), dtype="float32")
matrix = scipy.sparse.csr_matrix((values, items, offsets), shape=(int(rows), int(columns)))
model = AlternatingLeastSquares(
    factors=int(factors),
    iterations=int(iterations),
    regularization=float(regularization),
    alpha=float(alpha),
    use_cg=True,
    num_threads=int(threads),
    random_state=int(seed),
)
start = time.perf_counter()
model.fit(matrix, show_progress=False)
seconds = time.perf_counter() - start
model.user_factors.astype("<f4").tofile(f"{folder}/users.f32")
model.item_factors.astype("<f4").tofile(f"{folder}/items.f32")
print(json.dumps({"seconds": seconds}))
