/** Errors of predicted ratings, over the rows predicted. */
export interface RatingErrors {
  /** Root mean squared error. */
  readonly rmse: number;
  /** Mean absolute error. */
  readonly mae: number;
  /** Coefficient of determination: 1 − squared errors over squared deviations from the mean rating. At most 1; 0 for that mean. */
  readonly r2: number;
  /** The same without the errors' own mean: 1 − variance of the errors over variance of the ratings. */
  readonly explainedVariance: number;
}

/** All NaN for no rows; the last two are not finite where all ratings are equal. Columns are parallel. */
export function ratingErrors(predicted: ArrayLike<number>, actual: ArrayLike<number>): RatingErrors {
  const rows = actual.length;
  let meanError = 0;
  let meanRating = 0;
  for (let i = 0; i < rows; i++) {
    meanError += (actual[i] - predicted[i]) / rows;
    meanRating += actual[i] / rows;
  }
  let squared = 0;
  let absolute = 0;
  let errorVariance = 0;
  let ratingVariance = 0;
  for (let i = 0; i < rows; i++) {
    const error = actual[i] - predicted[i];
    squared += error ** 2;
    absolute += Math.abs(error);
    errorVariance += (error - meanError) ** 2;
    ratingVariance += (actual[i] - meanRating) ** 2;
  }
  return {
    rmse: Math.sqrt(squared / rows),
    mae: absolute / rows,
    r2: 1 - squared / ratingVariance,
    explainedVariance: 1 - errorVariance / ratingVariance,
  };
}
