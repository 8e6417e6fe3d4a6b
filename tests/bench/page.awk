# page.awk - fills the tables of docs/performance.md from measurements.
#     awk -f page.awk models limits.csv bench.csv sweep.csv mechanisms.csv performance.md
# What stands between `<!-- NAME -->` and `<!-- end -->` is replaced by table NAME; the rest of
# the page is copied. A file of measurements may be empty: its tables then say so.

function median_of(key,    i, j, t, v, n) {
    n = runs[key]
    for (i = 1; i <= n; i++) v[i] = run[key, i]
    return median(v, n)
}

function median(v, n,    i, j, t) {
    if (!n) return 0
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# Three digits, and commas between thousands; - for what was not measured.
function number(x,    text, whole) {
    if (x == "") return "-"
    if (x < 0.01) return sprintf("%.4f", x)
    if (x < 1) return sprintf("%.3f", x)
    if (x < 10) return sprintf("%.2f", x)
    if (x < 100) return sprintf("%.1f", x)
    text = sprintf("%.0f", x)
    for (whole = ""; length(text) > 3; text = substr(text, 1, length(text) - 3))
        whole = "," substr(text, length(text) - 2) whole
    return text whole
}

function times(x) {
    return sprintf(x >= 100 ? "%.0fx" : x >= 10 ? "%.1fx" : "%.2fx", x)
}

function share(speed, threads,    peak) {
    peak = median_of("gflops," threads)
    return speed && peak ? sprintf("%.0f %%", 100 * speed / peak) : "-"
}

function head(names,    line) {
    line = names
    gsub(/[^|]+/, "---", line)
    print names "\n" line
}

FNR == 1 { kind = FILENAME; sub(/.*\//, "", kind); sub(/\..*/, "", kind) }

kind == "models" && !/^#/ {
    name[++models] = $1
    batch[$1] = $2; mflop[$1] = $3; aim["step", $1] = $5; aim["one", $1] = $6
}
kind == "limits" {
    split($0, f, ",")
    run[f[1] "," f[2], ++runs[f[1] "," f[2]]] = f[3] + 0
    if (f[2] > most_threads) most_threads = f[2]
}

# The best over thread counts of each system; ours and the others' best over all.
function keep(what, model, by, threads, x,    side) {
    if (x == "") return
    side = by == "generated" ? "ours" : by == "reference" || by == "interpreted" ? "" : "peer"
    if (!((what, model, by) in best) || x + 0 < best[what, model, by]) {
        best[what, model, by] = x + 0
        at[what, model, by] = threads
    }
    if (side != "" && (!((what, model, side) in top) || x + 0 < top[what, model, side])) {
        top[what, model, side] = x + 0
        who[what, model, side] = side == "ours" ? threads : by
    }
}

kind == "bench" && FNR > 1 {
    split($0, f, ",")
    if (!(f[2] in known)) { known[f[2]] = 1; system_name[++systems] = f[2] }
    exact["step", f[1], f[2], f[3]] = f[5]
    keep("step", f[1], f[2], f[3], f[5])
    keep("one", f[1], f[2], f[3], f[6])
    keep("first", f[1], f[2], f[3], f[7])
    keep("rss", f[1], f[2], f[3], f[8])
    if (f[2] == "generated") plan[f[1]] = f[9]
}

kind == "sweep" && FNR > 1 {
    split($0, f, ",")
    if (!(f[1] in shape_seen)) { shape_seen[f[1]] = 1; shape[++shapes] = f[1] }
    shape_ours[f[1], f[2]] = f[4]
    shape_ratio["OpenBLAS", f[1], f[2]] = f[7]
    shape_ratio["oneDNN", f[1], f[2]] = f[10]
    shape_share[f[1], f[2]] = f[6]
    shape_threads[f[2]] = 1
}

kind == "mechanisms" && FNR > 1 {
    split($0, f, ",")
    if (!(f[2] in way_seen)) { way_seen[f[2]] = 1; way[++ways] = f[2] }
    if (!((f[1], f[2]) in cost) || f[5] < cost[f[1], f[2]]) cost[f[1], f[2]] = f[5]
    room[f[1], f[2]] = f[9]
}

# ---- tables --------------------------------------------------------------------------------

function table_limits(    t) {
    head("| threads | multiply-adds, GFLOP/s | triad, GB/s | triad round the caches, GB/s |")
    for (t = 1; t <= most_threads; t++)
        if (runs["gflops," t])
            printf("| %d | %.0f | %.1f | %.1f |\n", t, median_of("gflops," t),
                median_of("triad," t), median_of("stream," t))
}

# What another system takes, which one it is, how many times as long as ours.
function against(what, m,    r) {
    if (!((what, m, "peer") in top)) return "- | - | - | " aim[what, m] "x |"
    r = top[what, m, "peer"] / top[what, m, "ours"]
    logs += log(r)
    compared++
    return number(top[what, m, "peer"]) " | " who[what, m, "peer"] " | " times(r) " | " \
        aim[what, m] "x |"
}

function table_steps(    i, m, t, speed) {
    head("| model | batch | ours, us | threads | GFLOP/s | of the peak | best other, us | which " \
        "| faster by | aimed at |")
    logs = compared = 0
    for (i = 1; i <= models; i++) {
        m = name[i]
        if (!(("step", m, "ours") in top)) continue
        t = who["step", m, "ours"]
        speed = mflop[m] / top["step", m, "ours"] * 1e3
        printf("| %s | %d | %s | %s | %s | %s | %s\n", m, batch[m],
            number(top["step", m, "ours"]), t, speed ? number(speed) : "-", share(speed, t),
            against("step", m))
    }
    if (compared)
        printf("| geometric mean | | | | | | | | %s | |\n", times(exp(logs / compared)))
}

function table_one(    i, m) {
    head("| model | ours, us | best other, us | which | faster by | aimed at |")
    for (i = 1; i <= models; i++) {
        m = name[i]
        if (("one", m, "ours") in top)
            printf("| %s | %s | %s\n", m, number(top["one", m, "ours"]), against("one", m))
    }
}

function table_systems(    i, k, m, line) {
    line = "| model |"
    for (k = 1; k <= systems; k++) line = line " " system_name[k] " |"
    head(line)
    for (i = 1; i <= models; i++) {
        m = name[i]
        line = "| " m " |"
        for (k = 1; k <= systems; k++)
            line = line " " (("step", m, system_name[k]) in best ? \
                number(best["step", m, system_name[k]]) " (" at["step", m, system_name[k]] ")" : \
                "-") " |"
        print line
    }
}

function table_threads(    i, m, one, all) {
    head("| model | one thread, us | " most_threads " threads, us | faster by |")
    for (i = 1; i <= models; i++) {
        m = name[i]
        one = exact["step", m, "generated", 1]
        all = exact["step", m, "generated", most_threads]
        if (one && all)
            printf("| %s | %s | %s | %s |\n", m, number(one), number(all), times(one / all))
    }
}

function peer(what, m) { return (what, m, "peer") in top ? number(top[what, m, "peer"]) : "-" }

function table_room(    i, m) {
    head("| model | first step after, s | best other, s | peak memory, MB | least other, MB | " \
        "work area, MB |")
    for (i = 1; i <= models; i++) {
        m = name[i]
        if (("rss", m, "ours") in top)
            printf("| %s | %s | %s | %s | %s | %s |\n", m, number(top["first", m, "ours"]),
                peer("first", m), number(top["rss", m, "ours"]), peer("rss", m),
                number(plan[m] / 1e6))
    }
}

# The distribution of the ratios to a library on t threads.
function summary_of_sweep(library, t,    i, n, v, low, lowest) {
    low = 1e9
    for (i = 1; i <= shapes; i++) {
        if (shape_ratio[library, shape[i], t] == "") continue
        v[++n] = shape_ratio[library, shape[i], t] + 0
        if (v[n] < low) { low = v[n]; lowest = shape[i] }
    }
    if (n) printf("%d thread%s: median %.2f times %s over %d shapes, the least %.2f (%s).\n\n", t,
        t > 1 ? "s" : "", median(v, n), library, n, low, lowest)
}

function ratio_of_shape(library, name, t,    r) {
    r = shape_ratio[library, name, t]
    return r == "" ? "-" : sprintf("%.2fx", r)
}

function table_sweep(    i, t, line) {
    if (!shapes) { print "Not measured: cblas.h was missing."; return }
    line = "| shape |"
    for (t = 1; t <= 1024; t++)
        if (t in shape_threads) {
            summary_of_sweep("OpenBLAS", t)
            summary_of_sweep("oneDNN", t)
            line = line " GFLOP/s, " t " thr. | of the peak | to OpenBLAS | to oneDNN |"
        }
    head(line)
    for (i = 1; i <= shapes; i++) {
        line = "| " shape[i] " |"
        for (t = 1; t <= 1024; t++)
            if (t in shape_threads)
                line = line sprintf(" %.0f | %.0f %% | %s | %s |", shape_ours[shape[i], t],
                    100 * shape_share[shape[i], t], ratio_of_shape("OpenBLAS", shape[i], t),
                    ratio_of_shape("oneDNN", shape[i], t))
        print line
    }
}

function table_mechanisms(    i, k, m, line) {
    if (!ways) { print "Not measured."; return }
    line = "| model | all, us |"
    for (k = 1; k <= ways; k++) if (way[k] != "all") line = line " " way[k] " |"
    head(line)
    for (i = 1; i <= models; i++) {
        m = name[i]
        if (!((m, "all") in cost)) continue
        line = "| " m " | " number(cost[m, "all"]) " |"
        for (k = 1; k <= ways; k++)
            if (way[k] != "all")
                line = line " " ((m, way[k]) in cost ? \
                    times(cost[m, way[k]] / cost[m, "all"]) : "-") " |"
        print line
    }
}

function table(which) {
    if (which == "limits") table_limits()
    else if (which == "steps") table_steps()
    else if (which == "one") table_one()
    else if (which == "systems") table_systems()
    else if (which == "threads") table_threads()
    else if (which == "room") table_room()
    else if (which == "sweep") table_sweep()
    else if (which == "mechanisms") table_mechanisms()
    else return 0
    return 1
}

kind == "performance" {
    if ($0 == "<!-- end -->") inside = 0
    if (!inside) print
    if (/^<!-- [a-z]+ -->$/ && $2 != "end") {
        print ""
        if (table($2)) inside = 1
        print ""
    }
}
