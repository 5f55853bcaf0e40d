"""LambdaMART by LightGBM on raw files, a model for each of several settings; prints the seconds of fitting as JSON and writes scores."""

import json
import sys
import time

import lightgbm
import numpy

folder = sys.argv[1]
with open(f"{folder}/task.json") as file:
    task = json.load(file)


def part(name):
    labels = numpy.fromfile(f"{folder}/{name}.labels.f32", dtype="<f4")
    features = numpy.fromfile(f"{folder}/{name}.features.f32", dtype="<f4")
    sizes = numpy.fromfile(f"{folder}/{name}.sizes.u32", dtype="<u4")
    return features.reshape(len(labels), -1), labels, sizes.astype("int32")


train = part("train")
held_out = {name: part(name) for name in task["heldOut"]}
seconds = 0.0
for i, setting in enumerate(task["settings"]):
    sums = {name: 0.0 for name in held_out}
    for member in range(setting["members"]):
        parameters = {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "num_threads": task["threads"],
            "seed": task["seed"] + member,
            "verbosity": -1,
            "max_bin": 255,
            "num_leaves": setting["leaves"],
            "learning_rate": setting["learningRate"],
            "min_data_in_leaf": setting["minRows"],
            "min_sum_hessian_in_leaf": setting["minHessian"],
            "lambda_l2": setting["l2"],
            "feature_fraction": setting["featureFraction"],
            "bagging_fraction": setting["groupFraction"],
            "bagging_freq": 1 if setting["groupFraction"] < 1 else 0,
            "bagging_by_query": setting["groupFraction"] < 1,
            "lambdarank_truncation_level": setting["truncation"],
            "lambdarank_norm": setting["normalise"],
        }
        start = time.perf_counter()
        data = lightgbm.Dataset(train[0], train[1], group=train[2], params=parameters)
        if "valid" in held_out:
            features, labels, sizes = held_out["valid"]
            model = lightgbm.train(
                parameters,
                data,
                setting["trees"],
                valid_sets=[lightgbm.Dataset(features, labels, group=sizes, reference=data)],
                callbacks=[lightgbm.early_stopping(task["patience"], verbose=False)],
            )
        else:
            model = lightgbm.train(parameters, data, setting["trees"])
        seconds += time.perf_counter() - start
        for name, (features, _, _) in held_out.items():
            sums[name] = sums[name] + model.predict(features)
    for name, scores in sums.items():
        (scores / setting["members"]).astype("<f4").tofile(f"{folder}/{i}.{name}.f32")
print(json.dumps({"seconds": seconds}))
