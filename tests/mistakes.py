"""Typical wrong answers to the exercises, each with the hint that it gets."""

from __future__ import annotations

# Typical wrong answers: the exercise, which of its stubs (from 0), what a student writes there, and what the hint says.
WRONG = [
    ("01.1", 0, "return 'lost'", r"'same' was measured, not 'lost'\. .*colours, or light and dark"),
    ("01.1", 0, "return 'moved'", r"'same' was measured, not 'moved'\. .*brightness of two neighbours"),
    ("01.1", 0, "return 'blue'", r"'blue' is none of the answers; return one of 'lost', 'moved', 'same'"),
    (
        "01.2",
        0,
        """
        both = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
        return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
        """,
        r"product of two negative sides",
    ),
    (
        "01.2",
        0,
        """
        width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
        return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
        """,
        r"How often does your divisor count the common part",
    ),
    (
        "01.2",
        0,
        """
        width, height = (max(min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
        both = width * height
        return both / (a[2] * a[3] + b[2] * b[3] - both)
        """,
        r"you took sides for corners",
    ),
    ("01.3", 0, "return table[unit].unique().tolist()", r"more than one clip\. Does a name leak"),
    (
        "01.3",
        0,
        "return table[unit].value_counts().loc[lambda n: n > 1].index",
        r"more than one clip\. Does a name leak",
    ),
    ("01.3", 0, "return []", r"16 of 16 are missing"),
    ("01.3", 0, "table.groupby(unit)", r"the answer is None\. Does your function return"),
    (
        "01.4",
        0,
        """
        a, b = (images[:, ::8, ::8].mean(3) for images in (train, test))
        i, j = np.unravel_index(np.abs(a[:, None] - b).mean((2, 3)).argmin(), (len(a), len(b)))
        return f"train {i}", f"test {j}"
        """,
        r"near in raw pixels\. Are they alike",
    ),
    ("01.4", 0, "return str(original), str(replaced)", r"right pictures under other names"),
    (
        "01.4",
        0,
        """
        unlike = [[np.abs(a - b).mean() for b in test] for a in train]
        i, j = np.unravel_index(np.argmin(unlike), (len(train), len(test)))
        return f"train {i}", f"test {j}"
        """,
        r"right by luck: .*In which type do you subtract",
    ),
    ("02.1", 0, "return 3.0", r"half the \*squared\* error"),
    ("02.1", 0, "return -6.0", r"size is right and the sign is wrong"),
    ("02.1", 0, "return 13.9", r"[Aa] logarithm of another base"),
    ("02.1", 0, "return 'six'", r"the answer is a str; a number"),
    ("02.2", 0, "return np.maximum(x, 0)", r"this is ReLU"),
    ("02.2", 0, "return np.where(x > 0, x, -slope[:, None, None] * x)", r"right everywhere but for x below 0\. .*sign"),
    (
        "02.2",
        1,
        """
        by_x = np.where(x > 0, 1, -slope[:, None, None]) * upstream
        return by_x, (np.where(x > 0, 0, x) * upstream).sum((0, 2, 3))
        """,
        r"right everywhere but for x below 0\. The size is right there and the sign is wrong",
    ),
    ("02.2", 1, "return np.where(x > 0, 1, slope[:, None, None]), slope", r"derivative alone\. .*chain rule"),
    (
        "02.2",
        1,
        "return np.where(x > 0, 1, slope[:, None, None]) * upstream, (x * upstream).sum((0, 2, 3))",
        r"summed over every x",
    ),
    (
        "02.2",
        1,
        """
        by_slope = np.where(x > 0, 0, x) * upstream
        return np.where(x > 0, 1, slope[:, None, None]) * upstream, by_slope.sum((2, 3))
        """,
        r"How many images does one slope serve",
    ),
    (
        "02.3",
        0,
        """
        inner = np.s_[shave:-shave, shave:-shave]
        error = a[inner].astype(float) - b[inner]
        return 10 * np.log10(255**2 / (error**2).mean())
        """,
        r"red, green and blue together",
    ),
    (
        "02.3",
        0,
        """
        y = [16 + image.astype(float) @ [65.481, 128.553, 24.966] / 255 for image in (a, b)]
        return 10 * np.log10(255**2 / ((y[0] - y[1]) ** 2).mean())
        """,
        r"the border is still there",
    ),
    (
        "02.4",
        0,
        """
        light = np.clip(enlarge(blob(y, x)).astype(float) - 65, 0, None)
        down, right = ndimage.center_of_mass(light)
        return down - 2 * y, right - 2 * x
        """,
        r"pixels points or areas",
    ),
    (
        "02.4",
        0,
        """
        down, right = ndimage.center_of_mass(enlarge(blob(y, x)).astype(float))
        return down - 2 * y - 0.5, right - 2 * x - 0.5
        """,
        r"pulled towards the middle",
    ),
    ("02.4", 1, "return 'network'", r"it moves the picture by 0\.0\d px at most\. Another does by more"),
    ("03.1", 0, "return '0.50'", r"mean of one epoch chosen beforehand"),
    ("03.1", 0, "return '0.57'", r"One video is worth 3\.6 points"),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits)
        return (powers / powers.sum(1, keepdims=True) - np.eye(2)[labels]) / len(logits)
        """,
        r"1 of 16 values are not finite numbers\. Look for an overflow",
    ),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True) - np.eye(2)[labels]
        """,
        r"summed loss\. Which loss",
    ),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return (np.eye(2)[labels] - powers / powers.sum(1, keepdims=True)) / len(logits)
        """,
        r"the sign is wrong",
    ),
    ("03.3", 0, "for _ in range(steps):\n    w = w - rate * gradient(w)\nreturn w", r"descent without momentum"),
    (
        "03.3",
        0,
        """
        velocity = 0
        for _ in range(steps):
            velocity = momentum * velocity + (1 - momentum) * gradient(w)
            w = w - rate * velocity
        return w
        """,
        r"your velocity is a running mean",
    ),
    (
        "03.3",
        0,
        """
        velocity = 0
        for _ in range(steps):
            velocity = momentum * velocity + gradient(w)
            w = w - rate * (gradient(w) + momentum * velocity)
        return w
        """,
        r"this is Nesterov's momentum",
    ),
    ("03.4", 0, "return image.mean()", r"does not see blocks"),
    (
        "03.4",
        0,
        """
        steps = np.abs(np.diff(image.astype(float).mean(2), axis=1))
        return steps.mean() / steps[:, 7::8].mean()
        """,
        r"Which way must it point",
    ),
    (
        "03.4",
        0,
        """
        steps = np.abs(image[:, 1:] - image[:, :-1])
        return steps[:, 7::8].mean() / steps.mean()
        """,
        r"a negative has another number than its picture.*In which type",
    ),
    ("03.4", 1, "return letters['any light']", r"It is any light, whatever the label"),
    ("03.4", 1, "return letters['saved alike']", r"It is saved alike, whatever the label"),
    ("04.1", 0, "return 'larger'", r"what happens to the picture"),
    ("04.1", 0, "return 'no solution'", r"Does solvePnP know"),
    (
        "04.2",
        0,
        """
        angle = max(np.linalg.norm(rvec), 1e-300)
        x, y, z = rvec / angle
        k = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"this is the rotation back\. Which sign",
    ),
    (
        "04.2",
        0,
        """
        angle = np.linalg.norm(rvec)
        x, y, z = rvec / angle
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"9 of 189 values are not finite numbers\. Look for an overflow or a division by zero",
    ),
    (
        "04.2",
        0,
        """
        angle = max(np.linalg.norm(rvec), 1e-300)
        x, y, z = rvec / angle
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k**2
        """,
        r"K is right, and its square is not",
    ),
    (
        "04.2",
        0,
        """
        (x, y, z), angle = rvec, np.linalg.norm(rvec)
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"right for vectors of length one alone",
    ),
    (
        "04.2",
        0,
        "return np.zeros((3, 3)) if not rvec.any() else cv2.Rodrigues(rvec)[0]",
        r"but for the vector of zeros",
    ),
    ("04.3", 0, "return 1 - (whole[:, :, 2] * central[:, :, 2]).sum(1)", r"these are distances of R w"),
    (
        "04.3",
        0,
        "return (whole[:, 2] * central[:, 2]).sum(1)",
        r"this is the cosine, which is large for like directions",
    ),
    ("04.3", 0, "return np.arccos((whole[:, 2] * central[:, 2]).sum(1).clip(-1, 1))", r"this is the angle between"),
    ("04.4", 0, "return 'right'", r"all of them look right to you"),
    (
        "04.4",
        0,
        """
        if model[36, 0] > model[45, 0]:
            return "x mirrored"
        if model[8, 1] < model[27, 1]:
            return "y up"
        return "z mirrored" if model[30, 2] > model[[0, 16], 2].mean() else "right"
        """,
        r"Is each model as symmetric as a face",
    ),
    (
        "04.4",
        0,
        """
        name = drawn[[np.array_equal(other, model) for other in models].index(True)]
        return "right" if name == "z mirrored" else name
        """,
        r"nearest to the camera",
    ),
    ("05.1", 0, "return 'as wide'", r"How many frames are there, and how many people"),
    ("05.1", 0, "return 'twice as wide'", r"frames of one person"),
    ("05.2", 0, "return (p_fake[labels == 1][:, None] > p_fake[labels == 0]).mean()", r"a little too low"),
    ("05.2", 0, "return (p_fake[labels == 1][:, None] >= p_fake[labels == 0]).mean()", r"a little too high"),
    ("05.2", 0, "return roc_auc_score(1 - labels, p_fake)", r"one minus the answer\. Which label is fake"),
    ("05.3", 0, "return ((resnet['p_fake'] + headpose['p_fake']) / 2).to_numpy()", r"the rows are out of step"),
    (
        "05.3",
        0,
        """
        joined = headpose.merge(resnet, on=["clip_id", "frame"])
        return (joined["p_fake_x"] + joined["p_fake_y"]) / 2
        """,
        r"right scores in a wrong order",
    ),
    (
        "05.3",
        0,
        "return resnet.merge(headpose, on='frame')['p_fake_x']",
        r"more rows than frames\. Does frame alone name one",
    ),
    ("05.3", 0, "return resnet.merge(headpose, on='clip_id')['p_fake_x']", r"Does clip_id alone name one"),
    ("05.4", 0, "return table['right'].std() / np.sqrt(len(table))", r"as if frames were redrawn"),
    (
        "05.4",
        0,
        """
        clips = table.groupby("clip_id")["right"].agg(["sum", "size"]).to_numpy(float)
        drawn = np.random.default_rng(seed).integers(len(clips), size=(resamples, len(clips)))
        right, frames = clips[drawn].sum(1).T
        return (right / frames).std()
        """,
        r"as if videos were redrawn",
    ),
    (
        "05.4",
        0,
        """
        people = table.groupby("person")["right"].mean().to_numpy()
        return np.random.default_rng(seed).choice(people, (resamples, len(people))).mean(1).std()
        """,
        r"you averaged people's accuracies",
    ),
    (
        "05.4",
        0,
        """
        people = table.groupby("person")["right"].agg(["sum", "size"]).to_numpy(float)
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        right, frames = people[drawn].sum(1).T
        return (right / frames).var()
        """,
        r"of shares or of their squares",
    ),
    ("06.1", 0, "return 'FSRCNN'", r"sharpens whatever it sees"),
    ("06.1", 0, "return 'it depends'", r"What would turn the sign"),
    ("06.2", 0, "return image[::factor, ::factor]", r"takes one pixel of each square"),
    (
        "06.2",
        0,
        "return cv2.resize(image, None, fx=1 / factor, fy=1 / factor)",
        r"interpolates between pixels\. How many pixels",
    ),
    (
        "06.2",
        0,
        "return cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA) // 1",
        r"cut to whole numbers",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.5, np.abs(distance)
        far = np.where(d < 2, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a, 0)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, far)
        """,
        r"of Keys and of Matlab",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.75, np.abs(distance)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)
        """,
        r"right everywhere but beyond two pixels",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.75, distance
        far = np.where(d < 2, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a, 0)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, far)
        """,
        r"right everywhere but for negative distances",
    ),
    ("06.4", 0, "return gains.index[(gains['low'] > 0) | (gains['high'] < 0)].tolist()", r"At how many did you look"),
    (
        "06.4",
        0,
        """
        p = 2 * stats.norm.sf((gains["gain"] / (gains["high"] - gains["low"]) * 2 * stats.norm.ppf(0.975)).abs())
        return gains.index[p * len(gains) < 0.05].tolist()
        """,
        r"as by the normal distribution",
    ),
    (
        "06.4",
        0,
        """
        error = (gains["high"] - gains["low"]) / 2 / stats.t.ppf(0.975, people - 1)
        p = stats.t.sf((gains["gain"] / error).abs(), people - 1)
        return gains.index[p * len(gains) < 0.05].tolist()
        """,
        r"as by one-sided p-values",
    ),
    ("07.1", 0, "return 'one in twenty'", r"where the threshold lies in another set"),
    ("07.1", 0, "return 'one in six'", r"What did this one learn to suspect"),
    ("07.2", 0, "return ((p_fake >= 0.5) != labels).mean()", r"this is the error at one half"),
    ("07.2", 0, "return (p_fake >= 0.5)[labels == 0].mean()", r"these are the false alarms at one half"),
    (
        "07.2",
        0,
        """
        alarms, hits, _ = roc_curve(labels, p_fake)
        nearest = np.abs(alarms + hits - 1).argmin()
        return 1 - (alarms[nearest] + 1 - hits[nearest]) / 2
        """,
        r"one minus it",
    ),
    (
        "07.3",
        0,
        "return np.einsum('c,chw->hw', (weights[1] - weights[0]) / maps[0].size, maps)",
        r"right until the last step",
    ),
    (
        "07.3",
        0,
        "return np.maximum(np.einsum('c,chw->hw', weights[1], maps) / maps[0].size, 0)",
        r"logit of fake alone",
    ),
    (
        "07.3",
        0,
        "return np.maximum(np.einsum('c,chw->hw', weights[1] - weights[0], maps), 0)",
        r"every value is 784 times what it should be",
    ),
    ("07.4", 0, "return clips.groupby('person')['split'].nunique().loc[lambda n: n > 1].index", r"Whose \*face\* does"),
    (
        "07.4",
        0,
        "return clips.groupby('donor')['split'].nunique().loc[lambda n: n > 1].index",
        r"looked at donors in fakes alone",
    ),
    ("07.4", 0, "return clips['donor'].dropna().unique()", r"these are all donors"),
    ("01.5", 0, "return 'four in five'", r"one given frame is in training"),
    ("01.5", 0, "return 'nineteen in twenty'", r"all 31 others"),
    ("01.6", 0, "return 'by person'", r"somebody has no fold"),
    ("01.6", 0, "return dict.fromkeys(per_person.index, 0)", r"or one is empty"),
    (
        "01.6",
        0,
        "return {name: i % count for i, name in enumerate(per_person.index)}",
        r"one fold is larger than need be",
    ),
    (
        "01.6",
        0,
        """
        fold = {name: i % count for i, name in enumerate(per_person.index)}
        return {name: 0 if i == 0 else i % (count - 1) + 1 for i, name in enumerate(per_person.index)} | {
            name: 1 for name in list(per_person.index)[-3:]
        }
        """,
        r"one fold is smaller than need be",
    ),
    (
        "01.7",
        0,
        """
        told = {name: roc_auc_score(test["label"], test[name]) for name in CHEAP}
        name = max(told, key=lambda one: abs(told[one] - 0.5))
        return name, max(told[name], 1 - told[name])
        """,
        r"tells most in the test part\. Where may one choose",
    ),
    (
        "01.7",
        0,
        """
        told = {name: roc_auc_score(train["label"], train[name]) for name in CHEAP}
        name = max(told, key=told.get)
        return name, roc_auc_score(test["label"], test[name])
        """,
        r"largest AUC in training",
    ),
    (
        "01.7",
        0,
        """
        told = {name: roc_auc_score(train["label"], train[name]) for name in CHEAP}
        name = max(told, key=lambda one: abs(told[one] - 0.5))
        return name, max(told[name], 1 - told[name])
        """,
        r"AUC in the training part",
    ),
    ("01.7", 0, "return 'sharpness', roc_auc_score(test['label'], test['sharpness'])", r"tells the real ones"),
    ("02.5", 0, "return 'as large'", r"What makes one picture harder"),
    ("02.5", 0, "return 'twice as large'", r"how many between two methods"),
    (
        "02.6",
        0,
        "return 26 * d + d * s + s + m * (9 * s + 1) * s + s * d + d + 81 * d + 1",
        r"the biases|biases and slopes",
    ),
    ("02.6", 0, "return 25 * d + d * s + 9 * s * s + s * d + 81 * d", r"the mapping layers count once"),
    ("02.6", 0, "return 25 * d + d * s + m * 9 * s + s * d + 81 * d", r"a mapping kernel reads one channel"),
    ("02.6", 0, "return 25 * d + d * s + m * 9 * s * s + 81 * d", r"is missing"),
    (
        "02.7",
        0,
        "return sorted(squares, key=lambda one: np.abs(ndimage.laplace(squares[one])).mean())[:3]",
        r"these are the three softest",
    ),
    ("02.7", 0, "return set(names) - before", r"the five that were left alone"),
    (
        "02.7",
        0,
        "return sorted(squares, key=lambda one: -np.abs(np.fft.fft2(squares[one])[64:193, 64:193]).sum())[:3]",
        r"most of the finest detail",
    ),
    ("03.5", 0, "return '0.2 points'", r"two frames of 889"),
    ("03.5", 0, "return '10 points'", r"more than a whole person"),
    (
        "03.6",
        0,
        "accuracy = frames.groupby('seed')['right'].mean()\nreturn accuracy.max(), accuracy.sem()",
        r"the best of them",
    ),
    (
        "03.6",
        0,
        "accuracy = frames.groupby('seed')['right'].mean()\nreturn accuracy.mean(), accuracy.std()",
        r"the spread of trainings",
    ),
    (
        "03.6",
        0,
        "accuracy = frames.groupby('seed')['right'].mean()\nreturn accuracy.mean(), accuracy.std(ddof=0) / 3**0.5",
        r"a little too small",
    ),
    (
        "03.6",
        0,
        "accuracy = frames.groupby('seed')['right'].mean()\nreturn accuracy.mean(), accuracy.var()",
        r"this is a variance",
    ),
    ("03.6", 0, "return frames['right'].mean(), frames['right'].sem()", r"the error over frames"),
    (
        "03.7",
        0,
        """
        spread = []
        for name in ("imagenet", "random"):
            people = both[name].groupby(both["person"]).agg(["sum", "size"]).to_numpy()
            drawn = np.random.default_rng([seed, len(name)]).integers(len(people), size=(resamples, len(people)))
            total, frames = people[drawn].sum(1).T
            spread.append(total / frames)
        return (spread[0] - spread[1]).std()
        """,
        r"too large, the colleague's",
    ),
    (
        "03.7",
        0,
        """
        gain = both["imagenet"] - both["random"]
        return gain.std() / np.sqrt(len(gain))
        """,
        r"as if frames were redrawn",
    ),
    (
        "03.7",
        0,
        """
        means = (both["imagenet"] - both["random"]).groupby(both["person"]).mean().to_numpy()
        return np.random.default_rng(seed).choice(means, (resamples, len(means))).mean(1).std()
        """,
        r"does everybody weigh alike|everybody weighs alike",
    ),
    ("04.5", 0, "return '52.3 %'", r"and of how many"),
    ("04.5", 0, "return '49.0 %'", r"and of how many"),
    ("04.6", 0, "return 'chance'", r"one verdict for everything passes as something else"),
    (
        "04.6",
        0,
        "return 'one verdict' if abs((p_fake >= 0.5).mean() - 0.5) > 0.4 else 'chance'",
        r"turned round passes as something else",
    ),
    (
        "04.6",
        0,
        "return 'one verdict' if abs((p_fake >= 0.5).mean() - 0.5) > 0.4 else 'turned round'",
        r"chance passes as something else",
    ),
    ("04.7", 0, "return points - points.mean(0) + other.mean(0)", r"some heads still lean, and near ones are larger"),
    (
        "04.7",
        0,
        """
        centred, wanted = points - points.mean(0), other - other.mean(0)
        return centred / np.linalg.norm(centred) * np.linalg.norm(wanted) + other.mean(0)
        """,
        r"some heads still lean\. ",
    ),
    (
        "04.7",
        0,
        """
        a, b = (p[:, 0] + 1j * p[:, 1] for p in (points, other))
        a = a - a.mean()
        factor = (a.conj() * (b - b.mean())).sum()
        moved = factor / abs(factor) * a + b.mean()
        return np.stack([moved.real, moved.imag], axis=1)
        """,
        r"near heads are still larger",
    ),
    (
        "04.7",
        0,
        """
        a, b = (p[:, 0] + 1j * p[:, 1] for p in (points, other))
        a = a - a.mean()
        moved = (a.conj() * (b - b.mean())).sum() / (np.abs(a) ** 2).sum() * a
        return np.stack([moved.real, moved.imag], axis=1)
        """,
        r"right but for the place",
    ),
    ("05.5", 0, "return 'mends more'", r"in 69 of 100 frames"),
    ("05.5", 0, "return 'as many'", r"equally good"),
    (
        "05.6",
        0,
        """
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        right, frames = people[drawn].sum(1).T
        return tuple(np.quantile(right / frames, [0.05, 0.95]))
        """,
        r"a little too narrow",
    ),
    (
        "05.6",
        0,
        """
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        right, frames = people[drawn].sum(1).T
        return (right / frames).mean() - (right / frames).std(), (right / frames).mean() + (right / frames).std()
        """,
        r"the middle two thirds",
    ),
    (
        "05.6",
        0,
        """
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        return tuple(np.quantile((people[:, 0] / people[:, 1])[drawn].mean(1), [0.025, 0.975]))
        """,
        r"every person counts alike",
    ),
    (
        "05.6",
        0,
        """
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        right, frames = people[drawn].sum(1).T
        return tuple(np.quantile(right / frames, [0.975, 0.025]))
        """,
        r"Which end comes first",
    ),
    (
        "05.7",
        0,
        """
        found = [(((1 - w) * test["resnet"] + w * test["pose"] >= 0.5) == test["label"]).mean() for w in WEIGHTS]
        return WEIGHTS[np.argmax(found)], max(found)
        """,
        r"the colleague's weight\. Where may one choose",
    ),
    (
        "05.7",
        0,
        """
        found = [(((1 - w) * val["resnet"] + w * val["pose"] >= 0.5) == val["label"]).mean() for w in WEIGHTS]
        return WEIGHTS[np.argmax(found)], max(found)
        """,
        r"the accuracy on validation",
    ),
    ("05.7", 0, "return 0.55, accuracies(test).max()", r"the best on the test part"),
    ("06.5", 0, "return 'one time in twenty'", r"That is one look"),
    ("06.5", 0, "return 'every other time'", r"After how many looks"),
    ("06.6", 0, "return (p * len(p)).clip(max=1)", r"these are Bonferroni's"),
    (
        "06.6",
        0,
        "return (np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)[np.argsort(np.argsort(p))]",
        r"Can more evidence be corrected to less",
    ),
    ("06.6", 0, "return stats.false_discovery_control(p)", r"Benjamini and Hochberg's"),
    (
        "06.6",
        0,
        "return np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))[np.argsort(np.argsort(p))]",
        r"right but for those above one",
    ),
    (
        "06.6",
        0,
        "return np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)",
        r"right values, sorted",
    ),
    (
        "06.7",
        0,
        "return 'at most 2 points' if low < 0 < high else 'a gain' if low > 0 else 'a loss'",
        r"the colleague's: zero inside",
    ),
    (
        "06.7",
        0,
        """
        if max(-low, high) <= margin or low < 0 < high:
            return "at most 2 points"
        return "a gain" if low > 0 else "a loss"
        """,
        r"at most 2 points to you",
    ),
    (
        "06.7",
        0,
        """
        if low > 0 or high < 0:
            return "a gain" if low > 0 else "a loss"
        return "at most 2 points" if max(-low, high) <= margin else "inconclusive"
        """,
        r"a sure effect within the margin",
    ),
    (
        "06.7",
        0,
        """
        if max(-low, high) <= margin:
            return "at most 2 points"
        return "a gain" if low > 0 else "inconclusive"
        """,
        r"losses are missing",
    ),
    (
        "06.7",
        0,
        """
        if low < 0 < high:
            return "inconclusive"
        return "at most 2 points" if max(-low, high) <= margin else "a gain" if low > 0 else "a loss"
        """,
        r"says nothing to you",
    ),
    ("07.5", 0, "return '0.65'", r"How many donors has UADFV"),
    ("07.5", 0, "return '0.85'", r"a face descriptor know"),
    ("07.6", 0, "return hits / (hits + alarms)", r"half of all pictures are fake"),
    ("07.6", 0, "return hits", r"share of fakes that are found"),
    ("07.6", 0, "return 1 - alarms", r"raise no alarm"),
    ("07.6", 0, "return fakes * hits / (fakes * hits + alarms)", r"How many are real"),
    (
        "07.6",
        0,
        "return (1 - fakes) * alarms / (fakes * hits + (1 - fakes) * alarms)",
        r"the share of alarms that are false",
    ),
    (
        "07.7",
        0,
        "return np.linalg.norm(vectors - vectors[fake == 1].mean(0), axis=1)",
        r"every fake is in its own template",
    ),
    (
        "07.7",
        0,
        """
        own = [vectors[(whose == person) & (fake == 1)].mean(0) for person in whose]
        return np.linalg.norm(vectors - np.stack(own), axis=1)
        """,
        r"judged by their own fakes",
    ),
    (
        "07.7",
        0,
        """
        index = np.arange(len(vectors))
        others = [vectors[(index != i) & (fake == 1)].mean(0) for i in index]
        return np.linalg.norm(vectors - np.stack(others), axis=1)
        """,
        r"a frame is left out, and its neighbours are not",
    ),
    (
        "07.7",
        0,
        """
        others = [vectors[whose != person].mean(0) for person in whose]
        return np.linalg.norm(vectors - np.stack(others), axis=1)
        """,
        r"the real frames of others",
    ),
]
