"""The CUDA kernels: one thread per element, or per row for the softmax; sums in a fixed order, no atomics.

REAL is float or double. Arrays are C-contiguous, matrices feature-major, so neighbouring threads read
neighbouring addresses. `n` is the number of threads that have work. Each kernel does what the method of the
same name does in `numpy_backend`; `keep_and_add` is a part of `matmul`.
"""

CUDA_SOURCE = """
extern "C" {

__device__ long long thread_index() {
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void take_batch(const REAL* x, const long long* y, const long long* order,
                           REAL* by_row, REAL* by_feature, long long* classes,
                           long long n_rows, long long n_inputs, long long n) {
    long long i = thread_index();
    if (i >= n) return;
    long long r = i / n_inputs, c = i % n_inputs;
    REAL value = x[order[r] * n_inputs + c];
    by_row[r * (n_inputs + 1) + c] = value;
    by_feature[c * n_rows + r] = value;
    if (c == 0) classes[r] = y[order[r]];
}

__global__ void relu(REAL* z, long long n) {
    long long i = thread_index();
    if (i < n && z[i] < 0) z[i] = 0;  // a NaN stays
}

__global__ void relu_gradient(REAL* d, const REAL* a, long long n) {
    long long i = thread_index();
    if (i < n && !(a[i] > 0)) d[i] = 0;
}

__global__ void tanh_gradient(REAL* d, const REAL* a, long long n) {
    long long i = thread_index();
    if (i < n) d[i] *= 1 - a[i] * a[i];
}

__global__ void softmax(REAL* z, const long long* y, double* row_loss,
                        long long n_classes, REAL scale, REAL smoothing, long long n) {
    long long r = thread_index();
    if (r >= n) return;
    REAL top = z[r];
    for (long long c = 1; c < n_classes; ++c) top = z[c * n + r] > top ? z[c * n + r] : top;
    REAL total = 0, everything = 0, own = z[y[r] * n + r] - top;
    for (long long c = 0; c < n_classes; ++c) {
        REAL shifted = z[c * n + r] - top;
        everything += shifted;
        z[c * n + r] = exp(shifted);
        total += z[c * n + r];
    }
    row_loss[r] = log((double)total) - (1 - smoothing) * own - smoothing * everything / n_classes;
    for (long long c = 0; c < n_classes; ++c) {
        REAL target = smoothing / n_classes + (c == y[r] ? 1 - smoothing : 0);
        z[c * n + r] = scale * (z[c * n + r] / total - target);
    }
}

__global__ void keep_and_add(REAL* sum, const REAL* product, REAL keep, long long n) {
    long long i = thread_index();
    if (i < n) sum[i] = keep * sum[i] + product[i];
}

__global__ void momentum_step(REAL* w, const REAL* g, REAL* v, REAL momentum, long long n) {
    long long i = thread_index();
    if (i >= n) return;
    v[i] = momentum * v[i] + g[i];
    w[i] -= v[i];
}

__global__ void adam_step(REAL* w, const REAL* g, REAL* m, REAL* v,
                          REAL beta_1, REAL beta_2, REAL rate, REAL epsilon, long long n) {
    long long i = thread_index();
    if (i >= n) return;
    m[i] = beta_1 * m[i] + g[i];
    v[i] = beta_2 * v[i] + g[i] * g[i];
    w[i] -= rate * m[i] / (sqrt(v[i]) + epsilon);
}

}
"""
