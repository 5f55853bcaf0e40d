export { histograms } from './histograms.as';
export { leastSquaresRows } from './least-squares.as';
export { gramian, panelProducts, rowProducts, sparseProduct } from './products.as';
