export { histograms } from './histograms.as';
export { leastSquaresRows } from './least-squares.as';
export { gramian, panelProducts, sparseProduct } from './products.as';
