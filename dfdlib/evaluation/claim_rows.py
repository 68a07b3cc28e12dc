"""The rows of the claim table by id, their names in words, and why each of the paper's claims came out as it did."""

from __future__ import annotations

# The rows of the claim table by section: the differences first, then what is counted in frames, then in videos.
SECTIONS = {
    "By person: all videos, each judged by detectors that saw nobody of its fold": {
        "folds.system.paper.frame_acc_gain": "Combined system as in the paper, by person, gain over its ResNet",
        "folds.sr.paper.native.frame_acc_gain": "Super-resolution first, the paper's recipe, by person, gain, accuracy",
        "folds.sr.native.frame_acc_gain": "Super-resolution first, one cycle of the rate, by person, gain, accuracy",
        "folds.system.ours.frame_acc_gain": "Combined system, one cycle, Yang's pose, by person, gain over its ResNet",
        "folds.one_cycle_50.frame_acc_gain": "ResNet-50 v2 minus the ResNet-18's first training, by person, gain",
        "folds.sr.24.frame_auc_gain": "Faces of 24 pixels, by person, gain by FSRCNN over bicubic, AUC of frames",
        "folds.sr.24.new_people.frame_auc_gain": "The same, people who are new to that height",
        "folds.sr.paper.24.new_people.frame_auc_gain": "The same people and height, the paper's recipe, gain, AUC "
        "(not named beforehand)",
        "folds.sr.no_fakes.48.frame_auc_gain": "Faces of 48 pixels, learned from blends alone, gain by FSRCNN, AUC "
        "(not named beforehand)",
        "folds.resnet.paper.frame_acc": "ResNet-18, the paper's recipe, by person, accuracy of frames",
        "folds.resnet.one_cycle.frame_acc": "ResNet-18, one cycle of the rate, by person, accuracy of frames",
        "folds.resnet.one_cycle_50.frame_acc": "ResNet-50 v2, one cycle of the rate, by person, accuracy of frames",
        "folds.headpose.paper.frame_acc": "Head pose as in the paper, by person, accuracy of frames",
        "folds.headpose.yang.frame_acc": "Head pose as in Yang et al., by person, accuracy of frames",
        "folds.system.paper.frame_acc": "Combined system as in the paper, by person, accuracy of frames",
        "folds.system.ours.frame_acc": "Combined system, one cycle, Yang's pose, by person, accuracy of frames",
        "folds.headpose.yang.frame_auc": "Head pose as in Yang et al., by person, AUC of frames",
        "folds.resnet.paper.video_acc": "ResNet-18, the paper's recipe, by person, accuracy of videos",
        "folds.resnet.one_cycle.video_acc": "ResNet-18, one cycle of the rate, by person, accuracy of videos",
        "folds.resnet.one_cycle_50.video_acc": "ResNet-50 v2, one cycle of the rate, by person, accuracy of videos",
        "folds.headpose.paper.video_acc": "Head pose as in the paper, by person, accuracy of videos",
        "folds.system.paper.video_acc": "Combined system as in the paper, by person, accuracy of videos",
    },
    "On the published split": {
        "system.frame_acc_gain": "Combined system as in the paper, gain over its ResNet",
        "sr.native.frame_acc_gain": "Super-resolution first, gain in accuracy of frames",
        "system.ours.frame_acc_gain": "Combined system, one cycle, Yang's pose, gain over its ResNet",
        "first_weights.tiny_18.frame_acc_gain": "ResNet-18, gain by weights of Tiny-ImageNet over random ones",
        "first_weights.tiny_50.frame_acc_gain": "ResNet-50, gain by weights of Tiny-ImageNet over random ones",
        "first_weights.tiny_50_224.frame_acc_gain": "ResNet-50 from Tiny-ImageNet, gain by 224 pixels over 112",
        "first_weights.imagenet.frame_acc_gain": "EfficientNet-Lite0, gain by ImageNet weights over random ones",
        "headpose.mirrored.frame_auc_gain": "The released, mirrored head model, gain over the right one, AUC of frames",
        "resnet.frame_acc": "ResNet, epoch chosen on validation, accuracy of frames",
        "resnet.best_on_test.frame_acc": "ResNet, epoch chosen on the evaluated set as in the paper, frames",
        "first_weights.tiny_18.frame_acc": "ResNet-18 from Tiny-ImageNet, the paper's recipe, accuracy of frames",
        "first_weights.tiny_50.frame_acc": "ResNet-50 from Tiny-ImageNet, the paper's recipe, accuracy of frames",
        "first_weights.tiny_50_224.frame_acc": "ResNet-50 from Tiny-ImageNet on 224 pixels, accuracy of frames",
        "first_weights.imagenet.frame_acc": "EfficientNet-Lite0 from ImageNet, the paper's recipe, accuracy of frames",
        "headpose.paper.frame_acc": "Head pose as in the paper, accuracy of frames",
        "system.frame_acc": "Combined system as in the paper, accuracy of frames",
        "resnet.one_cycle.frame_acc": "ResNet, one cycle of the rate, accuracy of frames",
        "system.ours.frame_acc": "Combined system, one cycle, Yang's pose, accuracy of frames",
        "headpose.yang.frame_auc": "Head pose as in Yang et al., AUC of frames",
        "baselines.constant.frame_acc": "Baseline: one verdict for all frames, accuracy of frames",
        "baselines.sharpness.frame_auc": "Baseline: sharpness of the crop's middle, AUC of frames",
        "baselines.mean_colour.frame_auc": "Baseline: mean colour, AUC of frames",
        "baselines.size_as_JPEG.frame_auc": "Baseline: size as JPEG, AUC of frames",
        "resnet.video_acc": "ResNet, epoch chosen on validation, accuracy of videos",
        "headpose.paper.video_acc": "Head pose as in the paper, accuracy of videos",
        "system.video_acc": "Combined system as in the paper, accuracy of videos",
        "resnet.one_cycle.video_auc": "ResNet, one cycle of the rate, AUC of videos",
        "headpose.yang.video_auc": "Head pose as in Yang et al., AUC of videos",
    },
    "What the scores mean": {
        "identity.by_person.over_one_cycle.frame_acc_gain": "Distance to the mean fake's face minus the ResNet-18, "
        "one cycle, by person, accuracy (one of two comparisons, uncorrected)",
        "identity.by_person.over_paper.frame_acc_gain": "The same, minus ResNet-18 by the paper's recipe",
        "folds.no_fakes.frame_auc_gain": "ResNet-18, blends in place of UADFV's fakes, by person, change in AUC",
        "folds.no_fakes.over_sharpness.frame_auc_gain": "ResNet-18 from blends alone minus sharpness, by person, AUC",
        "no_fakes.embedded-easy.frame_auc_gain": "Small ResNet, AUC gain by learning without fakes (easy, synthetic)",
        "folds.attack.bicubic.frame_auc_gain": "Fakes alone shrunk to 64 pixels and enlarged by bicubic, one "
        "cycle, by person, change in AUC",
        "folds.attack.fsrcnn.frame_auc_gain": "Fakes alone shrunk to 64 pixels and enlarged by FSRCNN, one "
        "cycle, by person, change in AUC",
        "folds.attack.no_fakes.fsrcnn.frame_auc_gain": "The same, learned from blends alone, change in AUC",
        "folds.attack.fsrcnn.miss_rate_change": "Fakes alone shrunk to 64 pixels and enlarged by FSRCNN, one "
        "cycle, by person, change in misses",
        "folds.attack.no_fakes.fsrcnn.miss_rate_change": "The same, learned from blends alone, change in misses",
        "folds.attack.no_fakes.bicubic.miss_rate_change": "The same, enlarged by bicubic, change in misses",
        "identity.frame_auc": "Distance to the mean training fake's face, nothing else learned, AUC of frames",
        "identity.frame_acc": "Distance to the mean training fake's face, accuracy of frames",
        "identity.by_person.frame_auc": "The same, each person judged by the fakes of others, AUC of frames",
        "identity.matched.one_cycle.frame_auc": "ResNet-18, one cycle, by person, frames equally far from that "
        "face, AUC",
        "identity.matched.paper.frame_auc": "The same, by the paper's recipe, AUC",
        "identity.matched.no_fakes.frame_auc": "The same, learned from blends alone, AUC",
        "headpose.by_person.shape_without_pose.frame_auc": "Face shape without pose, by person, AUC of frames",
        "folds.resnet.no_fakes.frame_auc": "ResNet-18 that learned from blends alone, by person, AUC of frames",
        "baselines.by_person.constant.frame_acc": "Baseline: one verdict for all frames, by person, accuracy of frames",
        "baselines.by_person.sharpness.frame_auc": "Baseline: sharpness of the crop's middle, by person, AUC of frames",
        "baselines.by_person.mean_colour.frame_auc": "Baseline: mean colour, by person, AUC of frames",
        "baselines.by_person.size_as_JPEG.frame_auc": "Baseline: size as JPEG, by person, AUC of frames",
    },
}
CLAIMS = {key: name for section in SECTIONS.values() for key, name in section.items()}
LATER = ("no_fakes.", "identity.", "baselines.")  # added by notebook 07
# Why each of the paper's claims came out as it did here, by the id of the row it is compared with.
WHY = {
    "folds.resnet.paper.frame_acc": "the recipe is the paper's; the network is smaller, its initial weights are "
    "random, and the paper does not say whether it counts frames or videos (notebooks 03 and 05)",
    "resnet.best_on_test.frame_acc": "the paper picks its best epoch on the evaluated set, and so does this row "
    "(notebook 03)",
    "headpose.paper.frame_acc": "50.1 % is the share of the larger class. An SVM that gives all frames one verdict "
    "scores 50.1 or 49.9 %, whatever points the head model has: the best explanation, not a proof (notebook 04)",
    "folds.headpose.paper.frame_acc": "by person the same recipe does better than the larger class; what the paper's "
    "SVM may have done instead, the row above says (notebook 04)",
    "folds.system.paper.frame_acc": "it is hardly more than its ResNet, for which the first row holds (notebook 05)",
    "folds.system.paper.frame_acc_gain": "the paper's gain is less than one of the 28 test videos of the published "
    "split (3.6 points); the rule of its decision maker is not stated (notebook 05)",
    "folds.sr.paper.native.frame_acc_gain": "the crops are already as large as the network's input, so nearly all that "
    "is gained by enlarging is lost again; the check could hardly fail (notebooks 05 and 06)",
}
FIGURES = {
    "Fig. 1, real and fake": ("fig01_real_and_fake", "from rendered faces (synthetic)"),
    "Fig. 2, the pipeline": ("fig02_pipeline", "from the stages that the code runs"),
    "Fig. 3, 68 landmarks": ("fig03_landmarks", "with dlib's indices"),
    "Fig. 4, CelebA made small": ("fig04_downsampled", "by the same function, from rendered faces (synthetic)"),
    "Fig. 5, a wrong head pose": ("fig05_wrong_pose", "beside the right one; notebook 04 shows what makes one wrong"),
    "Fig. 6, accuracy and loss": ("fig06_training", "for both rates, validation and test apart"),
}
FACTS = {  # the names of recorded facts in words, in order
    "test_videos": "test videos of the published split",
    "people_in_test_videos": "people in them",
    "resnet_arch": "ResNet of the published split",
    "resnet_first_weights": "its start",
    "resnet_learning_rate": "its learning rate, chosen on validation",
    "resnet_epoch": "its epoch, chosen on validation",
    "trainings": "trainings of each network",
    "tiny_imagenet_top1_18": "accuracy of the pre-trained ResNet-18 on held-out pictures of Tiny-ImageNet",
    "tiny_imagenet_top1_50": "accuracy of the pre-trained ResNet-50 there",
    "share_of_central_poses_that_the_default_solver_flips": "share of central poses that OpenCV's default solver flips",
}
SHARES = ("tiny_imagenet_top1_18", "tiny_imagenet_top1_50", "share_of_central_poses_that_the_default_solver_flips")
