# page.gnuplot - the plots of docs/performance.md; page.sh makes the data and sets the folders.
set encoding utf8
set terminal pngcairo size 900,440 font "sans,11" background "white"
set grid ytics lc rgb "#dddddd"
set border 3 lc rgb "#666666"
set tics nomirror out

set output kept . "/models.png"
set title "Time of a training step, in steps of generated code (logarithmic)"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set boxwidth 0.95
set logscale y
set yrange [0.4:*]
set xtics rotate by -25
set key outside right top
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#000000" dt 2
plot data . "/models" using 2:xtic(1) title "Keras" lc rgb "#d0743c", \
     "" using 3 title "Keras, XLA" lc rgb "#f2b37e", \
     "" using 4 title "PyTorch" lc rgb "#9c3848", \
     "" using 5 title "torch.compile" lc rgb "#d98a96", \
     "" using 6 title "JAX" lc rgb "#3f6c8c"
unset arrow 1

set output kept . "/squares.png"
set title "Matrix products, square: share of the machine's multiply-adds"
set style data linespoints
set logscale x 2
unset logscale y
set yrange [0:1.05]
set xtics norotate
set xlabel "rows, columns and inner length"
set key outside right top
set xrange [28:2300]
plot data . "/squares" using 1:2 title "generated, 1 thread" lc rgb "#2b6e4f" pt 7 lw 2, \
     "" using 1:3 title "OpenBLAS, 1 thread" lc rgb "#9c3848" pt 7, \
     "" using 1:4 title "generated, 2 threads" lc rgb "#2b6e4f" pt 6 dt 2 lw 2, \
     "" using 1:5 title "OpenBLAS, 2 threads" lc rgb "#9c3848" pt 6 dt 2

set output kept . "/ratios.png"
set title "Every shape of the sweep, in order: speed in speeds of two libraries (logarithmic)"
unset logscale x
set xrange [*:*]
set logscale y
set yrange [*:*]
set xlabel "shapes"
set key inside left top
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#000000" dt 2
plot data . "/ratios1" using 0:1 title "OpenBLAS, 1 thread" with points lc rgb "#2b6e4f" pt 7, \
     data . "/ratios2" using 0:1 title "OpenBLAS, 2 threads" with points lc rgb "#2b6e4f" pt 6, \
     data . "/onednn1" using 0:1 title "oneDNN, 1 thread" with points lc rgb "#3f6c8c" pt 5, \
     data . "/onednn2" using 0:1 title "oneDNN, 2 threads" with points lc rgb "#3f6c8c" pt 4
